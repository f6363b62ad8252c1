// What becomes of times, instructions, counters and accepted lines; and the outputs that say so. Nothing is measured.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gate/accepted.hpp"
#include "gate/gate.hpp"
#include "gate/matrix.hpp"
#include "gate/outputs.hpp"
#include "json_schema.hpp"
#include "report/build_info.hpp"

namespace vmbsave::gate {
namespace {

constexpr std::uint64_t kInstructions = 1'000'000;

Counts counts(double ratio = 1) {
  Counts counts;
  counts.digest = 7;
  counts.instructions = static_cast<std::uint64_t>(kInstructions * ratio);
  counts.counters = {{"image_bytes", 1000}, {"page_faults", 0}};
  return counts;
}

Timing timing(Verdict verdict, double ratio = 1) {
  Timing timing;
  timing.verdict = verdict;
  timing.first = {verdict, ratio, ratio - 0.01, ratio + 0.01, 0.03};
  timing.why = verdict == Verdict::kFail ? "confirmed" : "";
  timing.processes = {{4, {{100, 101, 50, 50}, {100, 99, 50, 50}}}};
  return timing;
}

Evidence evidence(double instruction_ratio = 1) {
  Evidence evidence;
  evidence.gate_case = {"save/case", 1};
  evidence.base = counts();
  evidence.head = counts(instruction_ratio);
  return evidence;
}

Evidence timed(Verdict verdict, double instruction_ratio = 1, double ratio = 1) {
  Evidence result = evidence(instruction_ratio);
  result.timing = timing(verdict, ratio);
  return result;
}

Outcome outcome_of(const Evidence& evidence, const std::vector<Accepted>& accepted = {}) {
  return verdict_on(evidence, {}, accepted).outcome;
}

std::vector<Accepted> accepts(const std::string& line) {
  AcceptedLines lines = accepted_in({{"0123456789abcdef", "Subject\n\nBody.\nGate-Accepts: " + line + "\n"}});
  EXPECT_TRUE(lines.unusable.empty()) << line;
  return std::move(lines.accepted);
}

TEST(GateMatrix, InstructionsAlone) {
  EXPECT_EQ(outcome_of(evidence(1)), Outcome::kPass);
  EXPECT_EQ(outcome_of(evidence(0.5)), Outcome::kPass);
  EXPECT_EQ(outcome_of(evidence(1.01)), Outcome::kPass) << "one percent is not worth a look";
  EXPECT_EQ(outcome_of(evidence(1.015)), Outcome::kWarn);
  EXPECT_EQ(outcome_of(evidence(1.021)), Outcome::kFail);
}

TEST(GateMatrix, TimeAndInstructionsTogether) {
  struct Row {
    Verdict time;
    double instructions;
    Outcome outcome;
  };
  constexpr Row kRows[] = {
      {Verdict::kPass, 1, Outcome::kPass},
      {Verdict::kPass, 1.015, Outcome::kWarn},
      {Verdict::kPass, 1.10, Outcome::kWarn},
      {Verdict::kImproved, 1, Outcome::kImproved},
      {Verdict::kImproved, 1.10, Outcome::kWarn},
      {Verdict::kFail, 1, Outcome::kFail},
      {Verdict::kFail, 1.10, Outcome::kFail},
      {Verdict::kInconclusive, 1, Outcome::kInconclusive},
      {Verdict::kInconclusive, 1.015, Outcome::kInconclusive},
      {Verdict::kInconclusive, 1.10, Outcome::kFail},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(outcome_of(timed(row.time, row.instructions)), row.outcome)
        << verdict_name(row.time) << " and " << row.instructions;
  }
}

TEST(GateMatrix, AFailWithoutMoreInstructionsSaysWhatItMayBe) {
  const CaseVerdict layout = verdict_on(timed(Verdict::kFail), {}, {});
  EXPECT_NE(layout.reasons.at(0).find("layout, caches or memory"), std::string::npos);
  const CaseVerdict work = verdict_on(timed(Verdict::kFail, 1.1), {}, {});
  EXPECT_EQ(work.reasons.at(0).find("layout"), std::string::npos);
}

TEST(GateMatrix, WithoutInstructionsTimeDecidesAlone) {
  Evidence two_threads = timed(Verdict::kPass);
  two_threads.base->instructions.reset();
  two_threads.head->instructions.reset();
  EXPECT_EQ(outcome_of(two_threads), Outcome::kPass);
  two_threads.timing.reset();
  two_threads.head->why_not = "several threads";
  const CaseVerdict nothing = verdict_on(two_threads, {}, {});
  EXPECT_EQ(nothing.outcome, Outcome::kUnmeasured);
  EXPECT_EQ(nothing.reasons.at(0), "several threads");
}

TEST(GateMatrix, WhatIsBrokenIsUnmeasured) {
  Evidence other_packets = timed(Verdict::kPass);
  other_packets.head->digest = 8;
  EXPECT_EQ(outcome_of(other_packets), Outcome::kUnmeasured);
  Evidence crashed = timed(Verdict::kPass);
  crashed.timing->error = "signal 11";
  EXPECT_EQ(outcome_of(crashed), Outcome::kUnmeasured);
  Evidence uncounted = timed(Verdict::kFail);
  uncounted.error = "not the same twice";
  EXPECT_EQ(verdict_on(uncounted, {}, {}).reasons.at(0), "not the same twice");
  EXPECT_EQ(outcome_of({}), Outcome::kUnmeasured);
}

TEST(GateMatrix, CountersMayShrinkAndNotGrow) {
  Evidence grown = evidence();
  grown.head->counters["image_bytes"] = 1001;
  EXPECT_EQ(outcome_of(grown), Outcome::kFail);
  EXPECT_EQ(outcome_of(grown, accepts("save/ image_bytes +0.1%: a new field")), Outcome::kPass);
  EXPECT_EQ(outcome_of(grown, accepts("save/ image_bytes +0.05%: too little")), Outcome::kFail);
  EXPECT_EQ(outcome_of(grown, accepts("restore/ image_bytes +5%: another case")), Outcome::kFail);
  Evidence shrunk = evidence();
  shrunk.head->counters["image_bytes"] = 999;
  EXPECT_EQ(outcome_of(shrunk), Outcome::kPass);
  Evidence fault = evidence();
  fault.head->counters["page_faults"] = 1;
  EXPECT_EQ(outcome_of(fault), Outcome::kFail) << "none at all stays none";
  fault.base->counters["page_faults"] = 1000;
  fault.head->counters["page_faults"] = 1009;
  EXPECT_EQ(outcome_of(fault), Outcome::kPass) << "how the heap lies makes a few";
  fault.head->counters["page_faults"] = 1011;
  EXPECT_EQ(outcome_of(fault), Outcome::kFail);
  EXPECT_EQ(outcome_of(fault, accepts("save/ page_faults +2%: larger tables")), Outcome::kPass);
  fault.base->counters["page_faults"] = 0;
  EXPECT_EQ(outcome_of(fault, accepts("save/ page_faults +1%: some at last")), Outcome::kPass) << "of nothing no share";
  Evidence lost = evidence();
  lost.head->counters.erase("page_faults");
  EXPECT_EQ(outcome_of(lost), Outcome::kFail) << "not counted any more";
  lost.head->varying["page_faults"] = "1 and 2";
  EXPECT_EQ(verdict_on(lost, {}, {}).reasons.at(0), "page_faults: 1 and 2, was 0");
  lost.base->counters.erase("page_faults");
  EXPECT_EQ(outcome_of(lost), Outcome::kPass) << "it varied before";
  Evidence is_new = evidence();
  is_new.head->counters["anything"] = 5;
  EXPECT_EQ(outcome_of(is_new), Outcome::kPass) << "what base does not count is compared with nothing";
}

TEST(GateMatrix, AcceptedSlowdownsAreShown) {
  const Evidence slower = timed(Verdict::kFail, 1.05, 1.04);
  const auto enough = accepts("save/ time +5%: checks more");
  const CaseVerdict accepted = verdict_on(slower, {}, enough);
  EXPECT_EQ(accepted.outcome, Outcome::kAccepted);
  EXPECT_EQ(accepted.accepted.at(0), "0123456789ab save/ time +5%: checks more");
  EXPECT_EQ(outcome_of(slower, accepts("save/ time +3.5%: checks more")), Outcome::kAccepted)
      << "1.03 is its lower bound";
  EXPECT_EQ(outcome_of(slower, accepts("save/ time +2.9%: checks more")), Outcome::kFail);
  EXPECT_EQ(outcome_of(evidence(1.05), accepts("save/ instructions +6%: checks more")), Outcome::kPass);
  EXPECT_EQ(outcome_of(evidence(1.05), enough), Outcome::kFail) << "time is not instructions";
}

TEST(GateMatrix, MoreInstructionsThatAreAcceptedAreNoLayout) {
  const auto both = accepts("save/ instructions +20%: it does more");
  EXPECT_EQ(verdict_on(timed(Verdict::kFail, 1.1), {}, both).reasons.at(0).find("layout"), std::string::npos);
}

TEST(GateAccepted, SeveralCommitsAddUp) {
  const AcceptedLines lines = accepted_in({{"a", "Gate-Accepts: save/ time +10%: one"},
                                           {"b", "Gate-Accepts: save/case time +10.5%: two"},
                                           {"c", "Gate-Accepts: old/.* gone: it was removed"}});
  EXPECT_TRUE(lines.unusable.empty());
  EXPECT_NEAR(allowance(lines.accepted, "save/case", "time").share, 1.1 * 1.105 - 1, 1e-12);
  EXPECT_NEAR(allowance(lines.accepted, "save/other", "time").share, 0.1, 1e-12);
  EXPECT_EQ(allowance(lines.accepted, "restore", "time").shown, nullptr);
  EXPECT_NE(allowance(lines.accepted, "old/thing", "gone").shown, nullptr);
}

TEST(GateAccepted, WhatIsNotUsableIsNamed) {
  for (const char* const line :
       {"", "save/ time 5%: no sign", "save/ time +5: no percent", "save/ time +5%",
        "save/ time +5%:", "save/( time +5%: x", "save/ +5%: x", "save/ time +x%: y", "save/ gone"}) {
    const AcceptedLines lines = accepted_in({{"0123456789abcdef", std::string("Gate-Accepts: ") + line}});
    EXPECT_TRUE(lines.accepted.empty()) << line;
    ASSERT_EQ(lines.unusable.size(), 1u) << line;
    EXPECT_NE(lines.unusable[0].find("0123456789ab: "), std::string::npos);
  }
  EXPECT_TRUE(accepted_in({{"a", "The line Gate-Accepts: is explained here"}}).unusable.empty());
}

// A run with one case of each outcome given.
GateRun run_of(const std::vector<Outcome>& outcomes) {
  GateRun run;
  run.started_utc = "2026-01-02T03:04:05Z";
  AgainstOne& one = run.against.emplace_back();
  one.what = "base";
  one.comparison.base = {"HEAD~1", "1234567890abcdef", "Its <subject> | with \"signs\" & more", "/base.so"};
  one.comparison.head = {kWorktree, "abcdef1234567890", "", "/head.so"};
  for (const Outcome outcome : outcomes) {
    ComparedCase& compared = one.comparison.cases.emplace_back();
    compared.evidence = timed(Verdict::kPass);
    compared.evidence.gate_case.name = "save/" + std::to_string(one.comparison.cases.size());
    compared.verdict.outcome = outcome;
    compared.verdict.reasons = {"why | not <so>"};
    compared.verdict.instruction_ratio = 1.0125;
  }
  return run;
}

int code_of(const std::vector<Outcome>& outcomes, bool inconclusive_fails = true) {
  return exit_code(run_of(outcomes), inconclusive_fails);
}

TEST(GateExitCode, OneForEachEnd) {
  EXPECT_EQ(code_of({Outcome::kPass, Outcome::kImproved, Outcome::kWarn, Outcome::kAccepted}), 0);
  EXPECT_EQ(code_of({Outcome::kPass, Outcome::kFail, Outcome::kUnmeasured, Outcome::kInconclusive}), 1);
  EXPECT_EQ(code_of({Outcome::kPass, Outcome::kUnmeasured, Outcome::kInconclusive}), 2);
  EXPECT_EQ(code_of({Outcome::kPass, Outcome::kInconclusive}), 3);
  EXPECT_EQ(code_of({Outcome::kPass, Outcome::kInconclusive}, false), 0);
  EXPECT_EQ(code_of({}), 2) << "nothing was measured";
  EXPECT_EQ(code_of({Outcome::kUnmeasured}, false), 2);
}

TEST(GateExitCode, WhatWasNotMadeIsNoPass) {
  GateRun run = run_of({Outcome::kPass});
  run.not_made.push_back({"anchor", "it does not build"});
  EXPECT_EQ(exit_code(run, true), 2);
  run.interrupted_by = 15;
  EXPECT_EQ(exit_code(run, true), 143);
  GateRun failed = run_of({Outcome::kFail});
  failed.not_made.push_back({"anchor", "it does not build"});
  EXPECT_EQ(exit_code(failed, true), 1) << "it is a regression, whatever else is not known";
}

TEST(GateOutputs, SidesThatAreTheSameCodeAreNotCalledNoWorse) {
  const ComparisonOptions options;
  GateRun run = run_of({Outcome::kPass, Outcome::kPass});
  run.against[0].comparison.is_identical = true;
  EXPECT_EQ(headline({run, options}), "PASS: head and base are the same code");
  run.against.push_back(run_of({Outcome::kPass}).against[0]);
  EXPECT_EQ(headline({run, options}), "PASS: head and base are the same code; 1 of 1 comparisons are no worse");
}

TEST(GateOutputs, SayWhatWasNotMade) {
  const ComparisonOptions options;
  GateRun run = run_of({Outcome::kPass});
  run.not_made.push_back({"anchor", "it <breaks>\nat once"});
  const std::string says = "not compared with the anchor: it <breaks>?at once";
  EXPECT_EQ(headline({run, options}), "UNMEASURED: " + says);
  EXPECT_NE(gate_table({run, options}).find("\n" + says + "\n1 passed, 0 failed, 1 skipped\n"), std::string::npos);
  EXPECT_NE(gate_markdown({run, options}).find("\n- " + says), std::string::npos);
  EXPECT_NE(gate_junit({run, options}).find("<error message=\"it &lt;breaks&gt;?at once\"/>"), std::string::npos);
}

TEST(GateOutputs, VerdictFirstAndWhatWentWrongBeforeTheRest) {
  const GateRun run = run_of({Outcome::kPass, Outcome::kInconclusive, Outcome::kFail});
  const ComparisonOptions options;
  const std::string table = gate_table({run, options});
  EXPECT_TRUE(table.starts_with("FAIL: 1 of 3 comparisons got worse\n")) << table;
  EXPECT_LT(table.find("save/3"), table.find("save/2"));
  EXPECT_LT(table.find("save/2"), table.find("save/1"));
  EXPECT_NE(table.find("1.000 [0.990, 1.010]"), std::string::npos);
  EXPECT_NE(table.find("+1.25 %"), std::string::npos);
  EXPECT_TRUE(table.ends_with("\n1 passed, 1 failed, 1 skipped\n")) << table;
}

TEST(GateOutputs, HeadlinesOfTheOtherEnds) {
  const ComparisonOptions options;
  EXPECT_TRUE(headline({run_of({Outcome::kPass}), options}).starts_with("PASS: 1 of 1"));
  EXPECT_TRUE(headline({run_of({Outcome::kUnmeasured}), options}).starts_with("UNMEASURED: 1 of 1"));
  EXPECT_TRUE(headline({run_of({Outcome::kInconclusive}), options}).starts_with("INCONCLUSIVE: 1 of 1"));
  EXPECT_TRUE(headline({run_of({}), options}).starts_with("UNMEASURED"));
}

TEST(GateOutputs, MarkdownKeepsItsTable) {
  const GateRun run = run_of({Outcome::kFail});
  const ComparisonOptions options;
  const std::string markdown = gate_markdown({run, options});
  EXPECT_TRUE(markdown.starts_with("### FAIL: 1 of 1")) << markdown;
  EXPECT_NE(markdown.find("| **FAIL** | `save/1` |"), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("why \\| not <so>"), std::string::npos) << markdown;
}

TEST(GateOutputs, JunitIsEscapedAndCounts) {
  const GateRun run = run_of({Outcome::kPass, Outcome::kFail, Outcome::kInconclusive, Outcome::kUnmeasured});
  const ComparisonOptions options;
  const std::string xml = gate_junit({run, options});
  EXPECT_NE(xml.find("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\""), std::string::npos) << xml;
  EXPECT_NE(xml.find("<failure message=\"why | not &lt;so&gt;\"/>"), std::string::npos) << xml;
  EXPECT_NE(xml.find("Its &lt;subject&gt; | with &quot;signs&quot; &amp; more"), std::string::npos) << xml;
}

TEST(GateOutputs, JsonIsWhatItsSchemaSays) {
  GateRun run = run_of({Outcome::kPass, Outcome::kFail});
  run.against[0].comparison.cases[1].evidence.timing.reset();
  run.against[0].comparison.cases[1].evidence.base.reset();
  run.against[0].accepted.accepted = accepts("save/ time +5%: checks more");
  const ComparisonOptions options;
  nlohmann::ordered_json context;
  report::add_context(context);
  const auto json = nlohmann::json::parse(gate_json({run, options}, context).dump());
  tests::Schema(VMBSAVE_GATE_SCHEMA).expect_matches(json);
  EXPECT_EQ(json.at("exit_code"), 1);
  EXPECT_EQ(json.at("against").at(0).at("cases").at(0).at("time").at("processes").at(0).at("head_ns").size(), 2u);
}

}  // namespace
}  // namespace vmbsave::gate
