#include <fmt/format.h>

#include <algorithm>

#include "check/outputs.hpp"
#include "harness/one_line.hpp"
#include "harness/xml_text.hpp"

namespace vmbsave::check {
namespace {

std::string escaped(const std::string& text) { return bench::xml_text(bench::one_line(text)); }

const verify::Finding* finding_of(const Checked& checked, verify::Check check) {
  const auto& findings = checked.report.findings;
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const verify::Finding& finding) { return finding.check == check; });
  return found == findings.end() ? nullptr : &*found;
}

enum class Verdict { kPassed, kFailed, kSkipped };

// What did not come to its end says nothing of what it did not find.
Verdict verdict_of(const Checked& checked, verify::Check check) {
  if (finding_of(checked, check) != nullptr) return Verdict::kFailed;
  return checked.counts(check) && checked.is_finished ? Verdict::kPassed : Verdict::kSkipped;
}

std::string body_of(const Checked& checked, const verify::CheckInfo& info) {
  switch (verdict_of(checked, info.check)) {
    case Verdict::kPassed:
      return "/>\n";
    case Verdict::kSkipped:
      return fmt::format("><skipped message=\"{}\"/></testcase>\n",
                         checked.counts(info.check) ? "the VSP did not come back" : "not asked for");
    case Verdict::kFailed:
      break;
  }
  const verify::Finding& finding = *finding_of(checked, info.check);
  return fmt::format(">\n      <failure message=\"{}: {}\">{} {}</failure>\n    </testcase>\n",
                     escaped(place_text(finding.where)), escaped(finding.detail), escaped(info.cause),
                     escaped(info.fix));
}

std::size_t count(const Checked& checked, Verdict verdict) {
  const auto checks = verify::checks();
  return static_cast<std::size_t>(std::count_if(checks.begin(), checks.end(), [&](const verify::CheckInfo& info) {
    return verdict_of(checked, info.check) == verdict;
  }));
}

std::string left_out(const Checked& checked) {
  std::string lines;
  for (const std::string& what : checked.report.left_out) lines += "not examined: " + escaped(what) + "\n";
  return lines.empty() ? "" : "    <system-out>" + lines + "</system-out>\n";
}

}  // namespace

std::string check_junit(const Checked& checked) {
  std::string xml = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"vmbsave check\">\n"
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
      escaped(checked.given), verify::kChecks, count(checked, Verdict::kFailed), count(checked, Verdict::kSkipped));
  for (const verify::CheckInfo& info : verify::checks()) {
    xml += fmt::format("    <testcase classname=\"check\" name=\"{} {}\"", info.number, escaped(info.title));
    xml += body_of(checked, info);
  }
  return xml + left_out(checked) + "  </testsuite>\n</testsuites>\n";
}

}  // namespace vmbsave::check
