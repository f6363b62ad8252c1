#include <fmt/format.h>

#include "check/outputs.hpp"
#include "harness/one_line.hpp"

namespace vmbsave::check {
namespace {

std::string number_of(std::uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string bytes_at(const verify::Place& where) {
  if (where.bytes == 0) return "";
  if (where.bytes == 1) return fmt::format(", byte {}", where.first_byte);
  return fmt::format(", bytes {} to {}", where.first_byte,
                     where.first_byte + static_cast<std::int64_t>(where.bytes) - 1);
}

std::string finding_text(const verify::Finding& finding) {
  const verify::CheckInfo& info = verify::check_info(finding.check);
  std::string text = fmt::format("\n{} {}\n  where  {}", info.number, info.title, place_text(finding.where));
  if (finding.times > 1) text += fmt::format(" ({} times)", finding.times);
  if (!finding.detail.empty()) text += "\n  found  " + bench::one_line(finding.detail);
  return text + fmt::format("\n  cause  {}\n  fix    {}\n", info.cause, info.fix);
}

std::string times_text(const verify::CallTimes& times) {
  return fmt::format("{:>8} {:>8} {:>8}", times.p50, times.p99, times.max);
}

std::string profile_text(const verify::Report& report) {
  if (report.sizes.empty()) return "\nno times: SavePacket cannot be called again\n";
  std::string text = fmt::format(
      "\n{:>9} {:>8}   {:^26}   {:^26}\n{:>9} {:>8}   {:>8} {:>8} {:>8}   {:>8} {:>8} {:>8}\n", "state", "packets",
      "first call, ns", "second call, ns", "bytes", "", "p50", "p99", "max", "p50", "p99", "max");
  for (const verify::SizeTimes& size : report.sizes) {
    const std::string saving =
        size.bytes == 0 ? fmt::format("{:>8} {:>8} {:>8}", "-", "-", "-") : times_text(size.saving);
    text += fmt::format("{:>9} {:>8}   {}   {}\n", size.bytes, size.packets, times_text(size.sizing), saving);
  }
  text += "\nslowest packets, each by its shortest calls\n";
  for (const verify::SlowPacket& slow : report.slowest) {
    text += fmt::format("  channel {}, {}transaction {}: {} bytes, first call {} ns, second {} ns\n", slow.channel,
                        slow.outgoing ? "sent, " : "", slow.transaction_id, slow.bytes, slow.sizing_ns, slow.saving_ns);
  }
  return text;
}

}  // namespace

std::string place_text(const verify::Place& where) {
  std::string text = verify::call_name(where.call);
  if (where.attempt != 0) text += fmt::format(", attempt {}", where.attempt);
  text += fmt::format(", channel {}", where.channel);
  if (where.has_packet) text += fmt::format(", {}transaction {}", where.outgoing ? "sent, " : "", where.transaction_id);
  return text + bytes_at(where);
}

std::string verdict_text(const Checked& checked) {
  const verify::Report& report = checked.report;
  const std::string what = report.findings.empty() ? "no findings" : number_of(report.findings.size(), "finding");
  const std::string where = checked.is_finished ? fmt::format(" in {} and {}", number_of(report.packets, "packet"),
                                                              number_of(report.calls, "call"))
                                                : "; not examined to the end";
  return bench::one_line(checked.given) + ": " + what + where;
}

std::string check_text(const Checked& checked, bool profile) {
  std::string text = verdict_text(checked) + "\n";
  for (const verify::Finding& finding : checked.report.findings) text += finding_text(finding);
  if (!checked.report.left_out.empty()) text += "\n";
  for (const std::string& left_out : checked.report.left_out)
    text += "not examined: " + bench::one_line(left_out) + "\n";
  return profile ? text + profile_text(checked.report) : text;
}

}  // namespace vmbsave::check
