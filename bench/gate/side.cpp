#include "gate/side.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

namespace vmbsave::gate {
namespace {

const char* text(const VMBS_GATE_ERROR& error) { return error.text[0] == '\0' ? "no reason given" : error.text; }

}  // namespace

Side::Side(const std::filesystem::path& object) {
  void* const handle = dlopen(object.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw SideFailed(fmt::format("cannot load a side: {}", dlerror()));
  const auto get = reinterpret_cast<decltype(&vmbs_gate_entry)>(dlsym(handle, "vmbs_gate_entry"));
  if (get == nullptr) throw SideFailed(fmt::format("{} has no function vmbs_gate_entry", object.string()));
  entry_ = get();
  if (entry_->version != VMBS_GATE_VERSION || entry_->size < sizeof(VMBS_GATE_ENTRY)) {
    throw SideFailed(fmt::format("{} has version {} of the entry, expected {}: take a commit that is nearer",
                                 object.string(), entry_->version, VMBS_GATE_VERSION));
  }
}

std::vector<CaseName> Side::cases(const std::string& suite) const {
  std::uint32_t count = 0;
  const VMBS_GATE_CASE_NAME* const names = entry_->cases(suite.c_str(), &count);
  std::vector<CaseName> result;
  for (std::uint32_t i = 0; names != nullptr && i < count; ++i) result.push_back({names[i].name, names[i].threads});
  return result;
}

ReadyCase::ReadyCase(const Side& side, const std::string& name)
    : entry_(side.entry()), case_(nullptr, side.entry().release) {
  VMBS_GATE_ERROR error{};
  case_.reset(entry_.prepare(name.c_str(), &error));
  if (case_ == nullptr) throw SideFailed(fmt::format("{}: {}", name, text(error)));
}

std::uint64_t ReadyCase::run(std::uint64_t operations) {
  VMBS_GATE_ERROR error{};
  std::uint64_t ns = 0;
  if (entry_.run(case_.get(), operations, &ns, &error) != 0) throw SideFailed(text(error));
  return ns;
}

std::uint64_t ReadyCase::check() {
  VMBS_GATE_ERROR error{};
  std::uint64_t digest = 0;
  if (entry_.check(case_.get(), &digest, &error) != 0) throw SideFailed(text(error));
  return digest;
}

std::vector<std::pair<std::string, std::uint64_t>> ReadyCase::counters() const {
  std::array<VMBS_GATE_COUNTER, 16> counters{};
  const std::uint32_t count = entry_.counters(case_.get(), counters.data(), counters.size());
  std::vector<std::pair<std::string, std::uint64_t>> result;
  for (std::uint32_t i = 0; i < count && i < counters.size(); ++i) {
    result.emplace_back(counters[i].name, counters[i].value);
  }
  return result;
}

}  // namespace vmbsave::gate
