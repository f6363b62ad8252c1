#include "check/wire.hpp"

#include <nlohmann/json.hpp>

namespace vmbsave::verify {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Place, call, attempt, channel, has_packet, outgoing, transaction_id, first_byte,
                                   bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Finding, check, where, times, detail)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CallTimes, p50, p99, max)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SizeTimes, bytes, packets, sizing, saving)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SlowPacket, channel, outgoing, transaction_id, bytes, sizing_ns, saving_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Report, not_checked, findings, left_out, packets, calls, sizes, slowest)

}  // namespace vmbsave::verify

namespace vmbsave::check {
namespace {

// A VSP's name, and what an error says, may hold any byte.
std::string line(const char* key, nlohmann::json value) {
  const nlohmann::json whole = {{key, std::move(value)}};
  return whole.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string line_of(const verify::Finding& finding) { return line("finding", finding); }
std::string line_of(const verify::Report& report) { return line("report", report); }
std::string line_of_name(const std::string& name) { return line("name", name); }
std::string line_of_failure(const std::string& what) { return line("failure", what); }

bool take_line(const std::string& text, Received& received) {
  const nlohmann::json whole = nlohmann::json::parse(text);
  if (whole.contains("name")) whole.at("name").get_to(received.name);
  if (whole.contains("finding")) received.report.findings.push_back(whole.at("finding").get<verify::Finding>());
  if (whole.contains("failure")) whole.at("failure").get_to(received.failure);
  if (whole.contains("report")) whole.at("report").get_to(received.report);
  return whole.contains("failure") || whole.contains("report");
}

}  // namespace vmbsave::check
