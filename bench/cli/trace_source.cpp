#include "cli/trace_source.hpp"

#include <fmt/format.h>

#include "harness/option_checks.hpp"

namespace vmbsave::cli {
namespace {

CLI::Validator mac_address() {
  const auto check = [](const std::string& text) -> std::string {
    if (trace::parse_mac(text)) return "";
    return fmt::format("expected a MAC address such as 00:15:5d:01:02:03, found '{}'", text);
  };
  return CLI::Validator(check, "");
}

}  // namespace

void add_trace_options(CLI::App& command, CLI::Option* trace, TraceSource& source) {
  command.add_option("--format", source.format, "what the trace is, whatever it looks like: " + trace::format_names())
      ->type_name("NAME")
      ->needs(trace)
      ->check(given());
  command.add_option("--guest", source.guest, "MAC address of the guest in a capture; without: the busiest source")
      ->type_name("MAC")
      ->needs(trace)
      ->check(mac_address());
}

trace::Trace read_trace(const TraceSource& source, bench::Progress& progress) {
  const auto show = [&](std::uint64_t done, std::uint64_t total) { progress.show("read", done, total); };
  return trace::read(source.path, show, source.format, trace::parse_mac(source.guest));
}

}  // namespace vmbsave::cli
