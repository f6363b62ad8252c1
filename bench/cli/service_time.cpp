#include "cli/service_time.hpp"

#include <CLI/CLI.hpp>

#include "harness/duration.hpp"

namespace vmbsave::cli {

std::optional<std::uint64_t> parse_service_time(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::uint64_t ns = parse_duration("--service-time", text);
  if (ns == 0) throw CLI::ValidationError("--service-time", "in no time no request is in use; give 1ns or more");
  return ns;
}

std::optional<std::uint64_t> service_time(const trace::Trace& trace, std::optional<std::uint64_t> given) {
  constexpr std::uint64_t kDefaultNs = 10'000'000;
  if (given || trace.measured_completions) return given;
  return trace.service_time_ns.value_or(kDefaultNs);
}

}  // namespace vmbsave::cli
