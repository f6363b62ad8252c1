#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "trace/capture_file.hpp"
#include "trace/flow.hpp"
#include "trace/readers.hpp"

namespace vmbsave::trace {
namespace {

constexpr std::uint32_t kFrameQueues = 8;  // what netvsc takes by default

// A capture has no completions. About what it takes a host to send a frame on, or a guest to take one.
constexpr std::uint64_t kFrameServiceTimeNs = 1'000'000;

constexpr std::size_t kMostSources = 65536;  // a flood of invented addresses must not take all memory

// Where the addresses of a frame begin.
constexpr std::size_t kDestination = 0;
constexpr std::size_t kSource = 6;

MacAddress address_of(const CapturedFrame& frame, std::size_t begin) {
  MacAddress address;
  std::copy_n(frame.bytes_kept.begin() + static_cast<std::ptrdiff_t>(begin), address.size(), address.begin());
  return address;
}

// Tells progress over all passes.
class CapturePasses {
 public:
  CapturePasses(const std::filesystem::path& path, unsigned passes, const Progress& progress)
      : path_(path), progress_(progress), size_(std::filesystem::file_size(path)), total_(size_ * passes) {}

  template <typename Visit>
  void run(const Visit& visit) {
    CaptureFile file(path_);
    for (unsigned frames = 0; file.next(); ++frames) {
      visit(file);
      if (progress_ && frames % 4096 == 0) progress_(std::min(done_ + file.position(), total_), total_);
    }
    done_ += size_;
    if (progress_) progress_(done_, total_);
  }

 private:
  const std::filesystem::path& path_;
  const Progress& progress_;
  const std::uint64_t size_;
  const std::uint64_t total_;
  std::uint64_t done_ = 0;
};

// The lowest of those that most frames come from.
MacAddress busiest_source(CapturePasses& passes) {
  std::map<MacAddress, std::uint64_t> frames;
  passes.run([&](const CaptureFile& file) {
    const MacAddress source = address_of(file.frame(), kSource);
    if (frames.size() == kMostSources && !frames.contains(source)) {
      file.fail(fmt::format("frames from at most {} addresses", kMostSources),
                fmt::format("one more: {} (say which is the guest's with --guest)", mac_text(source)));
    }
    ++frames[source];
  });
  const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto busiest = std::max_element(frames.begin(), frames.end(), fewer);
  return busiest == frames.end() ? MacAddress{} : busiest->first;
}

Request request_of(const CapturedFrame& frame, const MacAddress& guest) {
  Request request{};
  request.submit_ns = frame.time_ns;
  request.complete_ns = kNoCompletion;
  request.tag = flow_of(frame.bytes_kept);
  request.bytes = frame.bytes;
  request.queue = static_cast<std::uint16_t>(request.tag % kFrameQueues);
  request.operation = address_of(frame, kSource) == guest ? Operation::kTransmit : Operation::kReceive;
  return request;
}

}  // namespace

bool recognise_capture(std::string_view head) {
  constexpr std::array<std::string_view, 5> kMagics = {"\xd4\xc3\xb2\xa1",
                                                       "\xa1\xb2\xc3\xd4",  // pcap with microseconds
                                                       "\x4d\x3c\xb2\xa1", "\xa1\xb2\x3c\x4d",  // pcap with nanoseconds
                                                       "\x0a\x0d\x0d\x0a"};                     // pcapng
  return std::any_of(kMagics.begin(), kMagics.end(), [&](std::string_view magic) { return head.starts_with(magic); });
}

Trace read_capture(const std::filesystem::path& path, const std::optional<MacAddress>& guest,
                   const Progress& progress) {
  CapturePasses passes(path, guest ? 1 : 2, progress);
  const MacAddress own = guest ? *guest : busiest_source(passes);
  Trace trace;
  trace.format = "capture";
  trace.service_time_ns = kFrameServiceTimeNs;
  bool has_guest = false;
  passes.run([&](const CaptureFile& file) {
    trace.requests.push_back(request_of(file.frame(), own));
    has_guest |= address_of(file.frame(), kSource) == own || address_of(file.frame(), kDestination) == own;
  });
  if (trace.requests.empty()) throw TraceError(path, "expected frames, found none");
  if (!has_guest) {
    throw TraceError(path, fmt::format("expected frames from or to the guest {}, found none (without --guest it is the "
                                       "busiest source)",
                                       mac_text(own)));
  }
  sort_by_submission(trace);
  return trace;
}

}  // namespace vmbsave::trace
