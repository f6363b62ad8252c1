// What a self-test concludes, and the recorded one: its own verdicts, and those of others' rules, from the slices in
// it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gate/gate.hpp"
#include "gate/selftest.hpp"
#include "json_schema.hpp"
#include "report/json_file.hpp"

namespace vmbsave::gate {
namespace {

void add(Selftest& selftest, Kind kind, std::size_t count, Verdict verdict) {
  for (std::size_t i = 0; i < count; ++i) {
    Trial& trial = selftest.trials.emplace_back();
    trial.kind = kind;
    trial.timing.verdict = verdict;
  }
}

// As the long one is when all goes well.
Selftest good() {
  Selftest selftest;
  selftest.family = 22;
  selftest.can_fail_at_last = true;
  selftest.coverage.push_back({Family::kNormal, 0, {2000, 3, 3, 14}});
  add(selftest, Kind::kSame, 299, Verdict::kPass);
  add(selftest, Kind::kSlower, 124, Verdict::kFail);
  add(selftest, Kind::kFaster, 60, Verdict::kImproved);
  add(selftest, Kind::kLayout, 20, Verdict::kPass);
  add(selftest, Kind::kLoad, 20, Verdict::kInconclusive);
  return selftest;
}

void change(Selftest& selftest, Kind kind, std::size_t count, Verdict verdict) {
  for (Trial& trial : selftest.trials) {
    if (trial.kind == kind && count != 0) {
      trial.timing.verdict = verdict;
      --count;
    }
  }
}

int code_after(Kind kind, std::size_t count, Verdict verdict) {
  Selftest selftest = good();
  change(selftest, kind, count, verdict);
  return exit_code(selftest);
}

TEST(GateSelftest, HoldsOrSaysWhatDoesNot) {
  EXPECT_EQ(exit_code(good()), bench::kOk) << "under a load it may well not know";
  EXPECT_EQ(code_after(Kind::kSame, 1, Verdict::kFail), bench::kSelftestFailed);
  EXPECT_EQ(code_after(Kind::kFaster, 1, Verdict::kFail), bench::kSelftestFailed);
  EXPECT_EQ(code_after(Kind::kLayout, 1, Verdict::kFail), bench::kSelftestFailed);
  EXPECT_EQ(code_after(Kind::kLoad, 1, Verdict::kFail), bench::kSelftestFailed);
  EXPECT_EQ(code_after(Kind::kSlower, 2, Verdict::kPass), bench::kOk) << "two of 124 may be missed";
  EXPECT_EQ(code_after(Kind::kSlower, 3, Verdict::kPass), bench::kSelftestFailed);
  EXPECT_EQ(code_after(Kind::kSlower, 3, Verdict::kImproved), bench::kSelftestFailed);
}

TEST(GateSelftest, ATenthOfOneKindMayBeInconclusive) {
  EXPECT_EQ(code_after(Kind::kSame, 29, Verdict::kInconclusive), bench::kOk);
  EXPECT_EQ(code_after(Kind::kSame, 30, Verdict::kInconclusive), bench::kInconclusive);
  EXPECT_EQ(code_after(Kind::kSlower, 13, Verdict::kInconclusive), bench::kInconclusive);
}

TEST(GateSelftest, StatisticsThatDoNotHoldAreAFailure) {
  Selftest wide = good();
  wide.coverage[0].coverage.above = 15;
  EXPECT_EQ(exit_code(wide), bench::kSelftestFailed);
  Selftest never = good();
  never.can_fail_at_last = false;
  EXPECT_EQ(exit_code(never), bench::kSelftestFailed);
}

TEST(GateSelftest, AFewTrialsAreAllowedNoMiss) {
  Selftest few;
  few.can_fail_at_last = true;
  add(few, Kind::kSlower, 11, Verdict::kFail);
  add(few, Kind::kSlower, 1, Verdict::kPass);
  EXPECT_EQ(exit_code(few), bench::kSelftestFailed);
}

TEST(GateSelftest, TheTableSaysHowSureItIs) {
  const std::string table = selftest_table(good());
  EXPECT_TRUE(table.starts_with("the self-test holds: 523 trials")) << table;
  EXPECT_NE(table.find("0 of 299 wrong fails; at most 1.0 % with 95 % confidence"), std::string::npos) << table;
  EXPECT_NE(table.find("0 of 124 wrong passes; at most 2.4 % with 95 % confidence"), std::string::npos) << table;
}

// The committed one: what it says of itself follows from its trials.
TEST(GateSelftest, TheRecordedOneAddsUp) {
  const nlohmann::ordered_json json = report::read_json(VMBSAVE_RESULTS "/gate-selftest.json.xz");
  std::map<std::string, std::map<std::string, std::size_t>> verdicts;
  for (const auto& trial : json.at("trials")) ++verdicts[trial.at("kind")][trial.at("verdict")];
  for (const auto& kind : json.at("kinds")) {
    auto& counted = verdicts.at(kind.at("kind"));
    EXPECT_EQ(kind.at("failed"), counted["FAIL"]) << kind;
    EXPECT_EQ(kind.at("inconclusive"), counted["INCONCLUSIVE"]) << kind;
    EXPECT_EQ(kind.at("passed"), counted["PASS"] + counted["IMPROVED"]) << kind;
  }
  EXPECT_EQ(json.at("exit_code"), bench::kOk);
}

// The recorded slices, judged anew, give the recorded verdicts: the rule of today is the rule that was tried.
TEST(GateSelftest, TheRecordedTrialsAreJudgedTheSameAgain) {
  const nlohmann::ordered_json json = report::read_json(VMBSAVE_RESULTS "/gate-selftest.json.xz");
  std::size_t judged = 0;
  for (const auto& trial : json.at("trials")) {
    const std::string verdict = trial.at("verdict");
    if (trial.at("processes").empty() || verdict == "INCONCLUSIVE") continue;  // by its control, which is not recorded
    std::vector<std::vector<Slices>> recorded = {processes_of(trial.at("processes")),
                                                 processes_of(trial.at("confirmation"))};
    std::size_t next[2] = {};
    const MeasureProcess replay = [&](const CaseName&, bool reversed) {
      const std::vector<Slices>& its = recorded[reversed];
      if (next[reversed] == its.size()) throw SideFailed("it asks for more");
      return its[next[reversed]++];
    };
    TimingOptions options;
    options.pause = std::chrono::milliseconds(0);
    options.family = json.at("family");
    const Timing timing = measure_times({{"x", 1}}, replay, options)[0];
    EXPECT_EQ(timing.error, "");
    EXPECT_EQ(verdict_name(timing.verdict), verdict);
    ++judged;
  }
  EXPECT_GT(judged, 350u);
}

TEST(GateSelftest, TheRecordIsWhatTheSchemaSays) {
  const auto recorded = report::read_json(VMBSAVE_RESULTS "/gate-selftest.json.xz");
  tests::Schema(VMBSAVE_SELFTEST_SCHEMA).expect_matches(nlohmann::json(recorded));
  Selftest selftest = good();
  const nlohmann::ordered_json made = selftest_json(selftest, nlohmann::ordered_json::object());
  for (const auto& [key, value] : made.items()) EXPECT_TRUE(recorded.contains(key)) << key;
}

TEST(GateSelftest, OthersRulesOnTheRecordedTrials) {
  const std::string table = rules_table(rules_json(report::read_json(VMBSAVE_RESULTS "/gate-selftest.json.xz")));
  EXPECT_NE(table.find("compare.py: one run each"), std::string::npos) << table;
  EXPECT_NE(table.find(" 0.0 % of 299      100.0 % of 124\n"), std::string::npos) << "this gate: " << table;
}

}  // namespace
}  // namespace vmbsave::gate
