// JUnit's XML: a test case a comparison, for the CI systems that show such.
#include <fmt/format.h>

#include "gate/output_rows.hpp"
#include "gate/outputs.hpp"
#include "harness/one_line.hpp"
#include "harness/xml_text.hpp"

namespace vmbsave::gate {
namespace {

using bench::xml_text;

std::string body_of(const ComparedCase& compared) {
  const std::string why = xml_text(reasons_text(compared));
  switch (compared.verdict.outcome) {
    case Outcome::kFail:
      return fmt::format("<failure message=\"{}\"/>", why);
    case Outcome::kUnmeasured:
      return fmt::format("<error message=\"{}\"/>", why);
    case Outcome::kInconclusive:
      return fmt::format("<skipped message=\"{}\"/>", why);
    default:
      return "";
  }
}

std::string case_xml(const std::string& against, const ComparedCase& compared) {
  return fmt::format(
      "    <testcase classname=\"gate.{}\" name=\"{}\">\n"
      "      <system-out>{}; time {}; finds from {}; instructions {}{}</system-out>\n      {}\n    </testcase>\n",
      against, xml_text(compared.evidence.gate_case.name), outcome_name(compared.verdict.outcome),
      xml_text(ratio_text(compared)), detectable_text(compared), instructions_text(compared),
      compared.verdict.reasons.empty() ? "" : "; " + xml_text(reasons_text(compared)), body_of(compared));
}

std::string suite_xml(const AgainstOne& one) {
  GateRun alone;
  alone.against.push_back(one);
  const Tally t = tally(alone);
  std::string xml = fmt::format(
      "  <testsuite name=\"gate against the {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n"
      "    <properties>\n      <property name=\"base\" value=\"{}\"/>\n      <property name=\"head\" value=\"{}\"/>\n"
      "    </properties>\n",
      one.what, one.comparison.cases.size(), t.failed, t.unmeasured, t.inconclusive,
      xml_text(side_text(one.comparison.base)), xml_text(side_text(one.comparison.head)));
  for (const ComparedCase& compared : one.comparison.cases) xml += case_xml(one.what, compared);
  return xml + "  </testsuite>\n";
}

// A suite with an error: what shows JUnit's XML would show nothing of a comparison that is not there.
std::string not_made_xml(const NotMade& one) {
  return fmt::format(
      "  <testsuite name=\"gate against the {0}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n"
      "    <testcase classname=\"gate.{0}\" name=\"all\">\n      <error message=\"{1}\"/>\n    </testcase>\n"
      "  </testsuite>\n",
      one.what, xml_text(bench::one_line(one.why)));
}

}  // namespace

std::string gate_junit(const Reported& reported) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"vmbsave gate\">\n";
  for (const AgainstOne& one : reported.run.against) xml += suite_xml(one);
  for (const NotMade& one : reported.run.not_made) xml += not_made_xml(one);
  return xml + "</testsuites>\n";
}

}  // namespace vmbsave::gate
