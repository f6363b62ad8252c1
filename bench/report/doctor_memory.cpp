#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "report/doctor_findings.hpp"
#include "report/system_files.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

Finding huge_pages(const Json& machine) {
  const Json& mode = machine.at("thp");
  if (mode == "always" || mode == "madvise") return {"huge pages", Level::kOk, mode};
  return {"huge pages", Level::kWarn, mode.is_null() ? "unknown" : mode.get<std::string>(),
          "large images are faulted in and looked up by pages of 4 KiB",
          "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"};
}

// With this capability no limit is asked for.
bool may_lock_all(const fs::path& root) {
  constexpr unsigned kIpcLock = 14;  // CAP_IPC_LOCK
  const std::string hex = value_of(root / "proc/self/status", "CapEff").value_or("");
  std::uint64_t capabilities = 0;
  (void)std::from_chars(hex.data(), hex.data() + hex.size(), capabilities, 16);
  return (capabilities >> kIpcLock & 1) != 0;
}

// What the largest scenario of the quick suite takes, packets and image, fits into it.
Finding memory_lock(const ProcessFacts& process, const fs::path& root) {
  constexpr std::uint64_t kEnough = std::uint64_t{64} << 20;
  if (!process.memory_lock_bytes) return {"memory lock", Level::kOk, "no limit"};
  const std::string limit = fmt::format("{} KiB", *process.memory_lock_bytes >> 10);
  if (may_lock_all(root)) return {"memory lock", Level::kOk, limit + ", lifted by CAP_IPC_LOCK"};
  if (*process.memory_lock_bytes >= kEnough) return {"memory lock", Level::kOk, limit};
  return {"memory lock", Level::kWarn, limit,
          "images cannot be locked into memory, and a kernel before 5.12 may refuse io_uring", "ulimit -l unlimited"};
}

Finding addresses(const ProcessFacts& process, const fs::path& root) {
  constexpr const char* kName = "address layout";
  constexpr const char* kEffect = "each process has the same layout, whose luck then looks like a property of the code";
  if (process.fixed_addresses)
    return {kName, Level::kWarn, "fixed for this process", kEffect, "run without setarch -R"};
  const std::string mode = read_line(root / "proc/sys/kernel/randomize_va_space").value_or("unknown");
  if (mode == "2") return {kName, Level::kOk, "random"};
  const char* const found = mode == "1" ? "random but for the heap" : mode == "0" ? "fixed" : "unknown";
  return {kName, Level::kWarn, found, kEffect, "sysctl kernel.randomize_va_space=2"};
}

}  // namespace

std::vector<Finding> memory_findings(const Json& machine, const ProcessFacts& process, const fs::path& root) {
  return {huge_pages(machine), memory_lock(process, root), addresses(process, root)};
}

}  // namespace vmbsave::report
