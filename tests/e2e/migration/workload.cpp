#include "e2e/migration/workload.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "e2e/migration/shared.hpp"
#include "e2e/migration/stamps.hpp"
#include "trace/profile.hpp"
#include "trace/trace.hpp"

namespace vmbsave::migration {
namespace {

constexpr const char* kTrace = "cloudphysics/cloudPhysicsIO.vscsi";
constexpr const char* kProfile = "cloudphysics";
constexpr std::uint64_t kOneFailsIn = 97;

std::filesystem::path trace_file() {
  const char* const folder = std::getenv("VMBSAVE_TRACES");
  if (folder == nullptr) return {};
  const std::filesystem::path path = std::filesystem::path(folder) / kTrace;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace

Traces::Traces() {
  const std::filesystem::path file = trace_file();
  recorded_ = !file.empty();
  name_ = recorded_ ? kTrace : std::string("profile ") + kProfile;
  const trace::Trace trace = recorded_ ? trace::read(file) : trace::from_profile(kProfile);
  requests_.reserve(trace.requests.size());
  for (const trace::Request& request : trace.requests) {
    const std::uint32_t bytes = std::clamp(request.bytes, kBlockBytes, kMaxRequestBytes);
    requests_.push_back({request.lba, bytes, request.first_byte / kBlockBytes * kBlockBytes % kPageBytes,
                         request.operation != trace::Operation::kRead});
  }
}

std::vector<GuestRequest> Traces::stretch(std::uint64_t first, std::uint32_t count, std::uint64_t span) const {
  const std::uint64_t span_blocks = span / kBlockBytes;
  std::vector<GuestRequest> stretch;
  stretch.reserve(count);
  for (std::uint64_t i = first; i < first + count; ++i) {
    const Recorded& recorded = requests_[i % requests_.size()];
    const std::uint32_t blocks = recorded.bytes / kBlockBytes;
    const bool fails = i % kOneFailsIn == kOneFailsIn - 1;
    const std::uint64_t block = fails ? kDiskBytes / kBlockBytes : recorded.lba % (span_blocks - blocks);
    stretch.push_back(
        {block, blocks, recorded.first_byte, static_cast<std::uint32_t>(i % kChannels), recorded.write, fails});
  }
  return stretch;
}

}  // namespace vmbsave::migration
