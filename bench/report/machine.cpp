#include "report/machine.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "exec/cgroup_quota.hpp"
#include "report/json_values.hpp"
#include "report/system_files.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// Of "32K" or "16384 kB": bytes.
std::optional<std::uint64_t> size_bytes(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = trimmed({end, static_cast<std::size_t>(text->data() + text->size() - end)});
  if (unit == "K" || unit == "kB") return value << 10;
  if (unit == "M") return value << 20;
  if (unit == "G") return value << 30;
  return unit.empty() ? std::optional(value) : std::nullopt;
}

// Of CPU 0, of the data or of everything.
Json cache_bytes(const fs::path& root, const std::string& level) {
  for (int index = 0;; ++index) {
    const fs::path cache = root / fmt::format("sys/devices/system/cpu/cpu0/cache/index{}", index);
    const auto type = read_line(cache / "type");
    if (!type) return nullptr;
    if (*type != "Instruction" && read_line(cache / "level") == level) {
      return or_null(size_bytes(read_line(cache / "size")));
    }
  }
}

bool has_word(std::string_view text, std::string_view word) {
  return fmt::format(" {} ", text).find(fmt::format(" {} ", word)) != std::string::npos;
}

// DMI names hypervisors too, but on real machines it names their maker.
bool names_a_hypervisor(std::string_view dmi) {
  for (const char* const known : {"QEMU", "KVM", "Virtual", "VMware", "Xen", "Amazon EC2", "Google Compute"}) {
    if (dmi.find(known) != std::string_view::npos) return true;
  }
  return false;
}

// What a hypervisor calls itself to its guests, as "KVMKVMKVM"; "" if it keeps that to itself.
std::string hypervisor_signature() {
#if defined(__x86_64__)
  constexpr unsigned kHypervisorLeaf = 0x40000000;
  unsigned eax = 0;
  std::array<unsigned, 3> name{};
  __cpuid(kHypervisorLeaf, eax, name[0], name[1], name[2]);
  std::array<char, sizeof name + 1> text{};
  std::memcpy(text.data(), name.data(), sizeof name);
  return text.data();
#else
  return "";
#endif
}

Json hypervisor(const fs::path& root) {
  if (const auto type = read_line(root / "sys/hypervisor/type")) return *type;
  const auto vendor = read_line(root / "sys/class/dmi/id/sys_vendor");
  const auto product = read_line(root / "sys/class/dmi/id/product_name");
  const std::string dmi(trimmed(fmt::format("{} {}", vendor.value_or(""), product.value_or(""))));
  const bool flagged = has_word(value_of(root / "proc/cpuinfo", "flags").value_or(""), "hypervisor");
  if (!dmi.empty() && (flagged || names_a_hypervisor(dmi))) return dmi;
  if (!flagged) return nullptr;
  const std::string signature = root == "/" ? hypervisor_signature() : "";
  return signature.empty() ? "unnamed" : signature;
}

// Of "always [madvise] never": madvise.
Json bracketed(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  const std::size_t open = text->find('[');
  const std::size_t close = text->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return nullptr;
  return text->substr(open + 1, close - open - 1);
}

}  // namespace

Json machine_json(const fs::path& root) {
  const fs::path cpus = root / "sys/devices/system/cpu";
  Json json;
  json["cpu"] = or_null(value_of(root / "proc/cpuinfo", "model name"));
  json["cpus_online"] = or_null(cpus_in_list(read_line(cpus / "online")));
  json["cpus_allowed"] = or_null(cpus_in_list(value_of(root / "proc/self/status", "Cpus_allowed_list")));
  json["cpu_quota"] = or_null(exec::cgroup_quota(root == "/" ? "" : root.string()));
  json["l1d_bytes"] = cache_bytes(root, "1");
  json["l2_bytes"] = cache_bytes(root, "2");
  json["l3_bytes"] = cache_bytes(root, "3");
  json["memory_bytes"] = or_null(size_bytes(value_of(root / "proc/meminfo", "MemTotal")));
  json["kernel"] = or_null(read_line(root / "proc/sys/kernel/osrelease"));
  json["hypervisor"] = hypervisor(root);
  json["clock_source"] = or_null(read_line(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"));
  std::error_code none;
  json["temporary_files"] = or_null(file_system_of(fs::temp_directory_path(none), root));
  json["thp"] = bracketed(read_line(root / "sys/kernel/mm/transparent_hugepage/enabled"));
  json["governor"] = or_null(read_line(cpus / "cpu0/cpufreq/scaling_governor"));
  return json;
}

std::optional<std::uint64_t> available_memory(const fs::path& root) {
  std::optional<std::uint64_t> available = size_bytes(value_of(root / "proc/meminfo", "MemAvailable"));
  for (const exec::Cgroup& cgroup : exec::cgroups(root == "/" ? "" : root.string(), "memory")) {
    const fs::path directory = cgroup.directory;
    const auto limit = size_bytes(read_line(directory / (cgroup.v2 ? "memory.max" : "memory.limit_in_bytes")));
    const auto used = size_bytes(read_line(directory / (cgroup.v2 ? "memory.current" : "memory.usage_in_bytes")));
    if (!limit || !used) continue;  // "max" among them
    const std::uint64_t left = *limit - std::min(*limit, *used);
    available = std::min(available.value_or(left), left);
  }
  return available;
}

}  // namespace vmbsave::report
