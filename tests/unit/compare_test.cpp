// Two runs compared: what is judged, by what, and what is only named.
#include "report/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "json_schema.hpp"
#include "report/bench_report.hpp"
#include "report/build_info.hpp"
#include "report/compare_cells.hpp"
#include "report/compare_output.hpp"
#include "report/replay_report.hpp"
#include "unit/compared_row.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kPoint = "channels:16/packets:65536/state:32-272";
constexpr const char* kFused = "save/engine/fused/channels:16/packets:65536/state:32-272/threads:2";
constexpr const char* kFloor = "save/copy_floor/channels:16/packets:65536/state:32-272/threads:2";

// Times that spread by some percent, as those of a quiet machine do.
std::vector<double> spread(double middle, std::size_t samples, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 0.03);
  std::vector<double> values;
  for (std::size_t i = 0; i < samples; ++i) values.push_back(middle * std::exp(noise(random)));
  return values;
}

struct Cost {
  double floor_ns = 1e6;  // of the copy: how fast the machine is
  double ratio = 1.3;     // of the save to it
  std::size_t samples = 500;
  std::size_t repetitions = 1;
  unsigned seed = 1;
};

BenchRow row_at(const std::string& implementation, const Cost& cost, double ratio) {
  BenchRow row;
  row.implementation = implementation;
  row.name = implementation == "copy_floor" ? kFloor : kFused;
  row.executor = "tbb";
  row.threads = 2;
  row.point_name = kPoint;
  row.verified = true;
  row.samples.image_bytes = 1000;
  row.samples.repetitions = cost.repetitions;
  for (const double ns : spread(cost.floor_ns * ratio, cost.samples, cost.seed)) {
    row.samples.save_ns.push_back(static_cast<std::uint64_t>(ns));
  }
  row.samples.ratio_to_floor = spread(ratio, cost.samples, cost.seed + 100);
  row.samples.allocator_calls.assign(21, 0);
  row.samples.page_faults.assign(cost.samples, 0);
  return row;
}

std::vector<BenchRow> rows_of(const Cost& cost) {
  return {row_at("copy_floor", cost, 1), row_at("engine", cost, cost.ratio)};
}

Json facts() {
  Json json;
  add_context(json);
  json["build"]["commit"] = "0123456789abcdef0123456789abcdef01234567";
  json["build"]["clean"] = true;
  return json;
}

Json result_of(const std::vector<BenchRow>& rows) {
  static const Json context = facts();
  return bench_json("quick", "2026-11-22T23:15:00Z", context, rows);
}

RunResults a_run(const std::string& name, const Json& result) { return {name, {{name + "/bench.json", result}}}; }
RunResults a_run(const std::string& name, const Cost& cost) { return a_run(name, result_of(rows_of(cost))); }

Comparison compared(const Cost& a, const Cost& b) { return compare_runs(a_run("A", a), a_run("B", b)); }

const ComparedRow& fused(const Comparison& comparison) { return row_named(comparison, kFused); }

void expect_refused(const RunResults& a, const RunResults& b, const std::string& words,
                    const CompareOptions& options = {}) {
  try {
    (void)compare_runs(a, b, options);
    FAIL() << "compared, though: " << words;
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
  }
}

TEST(Compare, ARunWithItselfIsNoDifference) {
  const Comparison comparison = compared({}, {});
  EXPECT_EQ(comparison.rows.size(), 2u);
  EXPECT_TRUE(comparison.context.empty());
  for (const ComparedRow& row : comparison.rows) {
    EXPECT_EQ(row.time.p50, 1.0) << row.a.name;
    ASSERT_TRUE(row.time.low);
    EXPECT_LT(*row.time.low, 1.0);
    EXPECT_GT(row.time.high, 1.0);
  }
  EXPECT_EQ(fused(comparison).ratio.p50, 1.0);
  EXPECT_EQ(fused(comparison).difference, Difference::kNoneSeen);
}

TEST(Compare, OperationsAreJudgedByTheirTimes) {
  const auto run = [](const char* name, double ns, unsigned seed) {
    const OperationRow row{.name = "operations/acquire", .operations = 100, .ns = spread(ns, 500, seed)};
    return a_run(name, bench_json("bar", "2026-11-22T23:15:00Z", facts(), rows_of({}), {}, {row}));
  };
  const Comparison comparison = compare_runs(run("A", 20, 1), run("B", 24, 2));
  EXPECT_EQ(row_named(comparison, "operations/acquire").difference, Difference::kSlower);
  EXPECT_TRUE(row_named(comparison, "operations/acquire").is_by_time);
}

TEST(Compare, TenPercentAreFound) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Comparison slower = compared({.seed = seed}, {.ratio = 1.43, .seed = seed + 50});
    EXPECT_EQ(fused(slower).difference, Difference::kSlower) << seed;
    EXPECT_NEAR(*fused(slower).ratio.p50, 1.1, 0.02) << seed;
    const Comparison faster = compared({.ratio = 1.43, .seed = seed}, {.seed = seed + 50});
    EXPECT_EQ(fused(faster).difference, Difference::kFaster) << seed;
  }
}

// As much lies between two processes of one program.
TEST(Compare, ThreePercentAreNoDifference) {
  EXPECT_EQ(fused(compared({}, {.ratio = 1.3 * 1.03, .seed = 2})).difference, Difference::kNoneSeen);
}

// The machine was half as fast in B: that is no difference of the program.
TEST(Compare, WhatTheMachineDidToBothFallsOut) {
  const Comparison comparison = compared({}, {.floor_ns = 2e6, .seed = 2});
  EXPECT_GT(*fused(comparison).time.low, 1.8);
  EXPECT_EQ(fused(comparison).difference, Difference::kNoneSeen);
  EXPECT_FALSE(fused(comparison).is_by_time);
  ASSERT_TRUE(comparison.drift);
  EXPECT_NEAR(comparison.drift->most, 2, 0.1);
  EXPECT_EQ(comparison.drift->least, 1);
}

TEST(Compare, SwappedRunsGiveInverseRatios) {
  const Cost a{.seed = 3};
  const Cost b{.ratio = 1.7, .seed = 4};
  const ComparedRow there = fused(compared(a, b));
  const ComparedRow back = fused(compared(b, a));
  for (const auto of : {&ComparedRow::time, &ComparedRow::ratio}) {
    EXPECT_DOUBLE_EQ(*(there.*of).p50, 1 / *(back.*of).p50);
    EXPECT_DOUBLE_EQ(*(there.*of).low, 1 / *(back.*of).high);
    EXPECT_DOUBLE_EQ(*(there.*of).high, 1 / *(back.*of).low);
  }
  EXPECT_EQ(there.difference, Difference::kSlower);
  EXPECT_EQ(back.difference, Difference::kFaster);
}

TEST(Compare, TooFewSamplesAreNotKnown) {
  const Comparison comparison = compared({.samples = 5}, {.ratio = 3, .samples = 500});
  EXPECT_EQ(fused(comparison).difference, Difference::kNotKnown);
  EXPECT_EQ(fused(comparison).why, "too few samples are recorded");
}

// As those of the suite smoke, and of replays that are as short.
TEST(Compare, RowsBelowFiftySavesHaveNoVerdict) {
  const Comparison few = compared({.samples = 20}, {.ratio = 3, .samples = 500});
  EXPECT_TRUE(fused(few).ratio.low) << "it has an interval";
  EXPECT_EQ(fused(few).difference, Difference::kNotKnown);
  EXPECT_EQ(fused(few).why, "too few samples, below 50");
  EXPECT_NE(compare_table(few).find("not known of 1: too few samples, below 50\n"), std::string::npos);
  EXPECT_EQ(fused(compared({.samples = 49}, {.ratio = 3, .samples = 49})).difference, Difference::kNotKnown);
  EXPECT_EQ(fused(compared({.samples = 50}, {.ratio = 3, .samples = 50})).difference, Difference::kSlower);
  const Cost repeated{.samples = 60, .repetitions = 10};
  EXPECT_EQ(fused(compared(repeated, {.ratio = 3, .samples = 60, .repetitions = 10})).difference, Difference::kSlower)
      << "of repetitions each counts once, however few saves it has";
}

// Within a repetition samples agree, between them they do not: as many as there are repetitions count.
TEST(Compare, RepetitionsCountOnceEach) {
  Cost cost{.samples = 700, .repetitions = 7};
  std::vector<BenchRow> rows = rows_of(cost);
  for (std::size_t i = 0; i < cost.samples; ++i) {
    rows[1].samples.ratio_to_floor[i] = 1 + 0.1 * static_cast<double>(i / 100);
    rows[1].samples.save_ns[i] = 1000 + 100 * (i / 100);
  }
  const Comparison comparison = compare_runs(a_run("A", result_of(rows)), a_run("B", result_of(rows)));
  for (const auto of : {&ComparedRow::time, &ComparedRow::ratio}) {
    EXPECT_NEAR(*(fused(comparison).*of).high, 1.6 / 1.0, 1e-9);
    EXPECT_NEAR(*(fused(comparison).*of).low, 1.0 / 1.6, 1e-9);
  }
}

TEST(Compare, CountersAreComparedExactly) {
  std::vector<BenchRow> rows = rows_of({});
  rows[1].samples.image_bytes = 1001;
  rows[1].samples.allocator_calls.assign(21, 3);
  const Comparison comparison = compare_runs(a_run("A", Cost{}), a_run("B", result_of(rows)));
  ASSERT_EQ(fused(comparison).exact.size(), 2u);
  EXPECT_EQ(fused(comparison).exact[0].name, "image_bytes");
  EXPECT_EQ(fused(comparison).exact[0].b, 1001);
  EXPECT_EQ(fused(comparison).exact[1].name, "allocator_calls_p50");
  EXPECT_EQ(fused(comparison).exact[1].a, 0);
  EXPECT_EQ(fused(comparison).exact[1].b, 3);
}

TEST(Compare, WhatOneSideHasIsNamed) {
  std::vector<BenchRow> more = rows_of({});
  more.push_back(row_at("engine", {}, 2));
  more.back().name = "save/new";
  const RunResults less = a_run("A", Cost{});
  const Comparison comparison = compare_runs(less, a_run("B", result_of(more)));
  EXPECT_TRUE(comparison.only_a.empty());
  EXPECT_EQ(comparison.only_b, std::vector<std::string>{"save/new"});
  EXPECT_EQ(compare_runs(a_run("A", result_of(more)), less).only_a, std::vector<std::string>{"save/new"});
  EXPECT_NE(compare_table(comparison).find("only in B: save/new\n"), std::string::npos);
}

TEST(Compare, ManyRowsOfOneSideAreCounted) {
  std::vector<BenchRow> more = rows_of({});
  for (int i = 0; i < 11; ++i) {
    more.push_back(row_at("engine", {}, 2));
    more.back().name = "save/new/" + std::to_string(i);
  }
  const std::string table = compare_table(compare_runs(a_run("A", Cost{}), a_run("B", result_of(more))));
  EXPECT_NE(table.find("only in B: 11 rows; --json names them\n"), std::string::npos) << table;
  EXPECT_EQ(table.find("save/new/"), std::string::npos) << table;
  more.pop_back();
  EXPECT_NE(
      compare_table(compare_runs(a_run("A", Cost{}), a_run("B", result_of(more)))).find("only in B: save/new/9\n"),
      std::string::npos);
}

TEST(Compare, TheSummaryIsTheLastLine) {
  const Comparison comparison = compared({}, {});
  EXPECT_TRUE(compare_table(comparison).ends_with("\n" + summary_of(comparison) + "\n"));
  EXPECT_NE(compare_table(comparison).find("hosts of one model"), std::string::npos);
}

TEST(Compare, RowsOfOtherSettingsOrThatFailedAreNotCompared) {
  std::vector<BenchRow> other = rows_of({});
  other[1].executor = "std_thread";
  const Comparison by_setting = compare_runs(a_run("A", Cost{}), a_run("B", result_of(other)));
  ASSERT_EQ(by_setting.not_compared.size(), 1u);
  EXPECT_EQ(by_setting.not_compared[0].why, "executor is \"tbb\" in A and \"std_thread\" in B");
  std::vector<BenchRow> failed = rows_of({});
  failed[1].error = "the image differs";
  const Comparison by_failure = compare_runs(a_run("A", Cost{}), a_run("B", result_of(failed)));
  ASSERT_EQ(by_failure.not_compared.size(), 1u);
  EXPECT_EQ(by_failure.not_compared[0].why, "in B: the image differs");
}

TEST(Compare, MachinesAreComparedByRatiosAloneAndWhenAskedFor) {
  Json other = result_of(rows_of({.floor_ns = 5e6, .ratio = 1.5, .seed = 7}));
  other["machine"]["cpu"] = "Another";
  expect_refused(a_run("A", Cost{}), a_run("B", other), "in A and \"Another\" in B; --across-machines");
  const Comparison comparison = compare_runs(a_run("A", Cost{}), a_run("B", other), {.across_machines = true});
  EXPECT_EQ(fused(comparison).time.p50, std::nullopt);
  EXPECT_EQ(fused(comparison).difference, Difference::kSlower);
  EXPECT_EQ(row_named(comparison, kFloor).difference, Difference::kNotKnown);
  ASSERT_EQ(comparison.context.size(), 1u);
  EXPECT_EQ(comparison.context[0].name, "machine.cpu");
}

TEST(Compare, BuildsThatCheckDifferentlyAreRefused) {
  for (const auto& [key, value] : {std::pair("build_type", Json("Debug")), std::pair("check_level", Json(2)),
                                   std::pair("sanitizer", Json("thread"))}) {
    Json other = result_of(rows_of({}));
    other["build"][key] = value;
    expect_refused(a_run("A", Cost{}), a_run("B", other), std::string("builds that can't be compared: ") + key,
                   {.across_machines = true});
  }
  Json flags = result_of(rows_of({}));
  flags["build"]["flags"] = "-O1";
  flags["allocator"] = "mimalloc 2.0.9";
  const Comparison comparison = compare_runs(a_run("A", Cost{}), a_run("B", flags));
  ASSERT_EQ(comparison.context.size(), 2u) << "said, and compared";
  EXPECT_EQ(comparison.context[0].name, "build.flags");
  EXPECT_EQ(comparison.context[1].name, "allocators");
}

TEST(Compare, ResultsOfSeveralAllocatorsInOneRunAreApart) {
  Json mimalloc = result_of(rows_of({.ratio = 2}));
  mimalloc["allocator"] = "mimalloc 2.0.9";
  RunResults both = a_run("A", Cost{});
  both.results.push_back({"A/bench-mimalloc.json", mimalloc});
  const Comparison comparison = compare_runs(both, both);
  EXPECT_EQ(comparison.rows.size(), 4u);
  EXPECT_EQ(row_named(comparison, std::string(kFused) + ", mimalloc 2.0.9").ratio.p50, 1.0);
  EXPECT_TRUE(comparison.notes.empty());
}

TEST(Compare, ARunOfTwoCommitsOrMachinesIsRefused) {
  RunResults mixed = a_run("A", Cost{});
  mixed.results.push_back(mixed.results.front());
  mixed.results[1].file = "A/other.json";
  mixed.results[1].json["build"]["commit"] = "f";
  expect_refused(mixed, a_run("B", Cost{}), "A: results of two builds in one run: commit is ");
  mixed.results[1] = mixed.results[0];
  mixed.results[1].json["machine"]["hypervisor"] = "other";
  expect_refused(a_run("B", Cost{}), mixed, "A: results of two machines in one run: hypervisor is ");
}

TEST(Compare, ASecondRowOfANameIsNoted) {
  RunResults twice = a_run("A", Cost{});
  twice.results.push_back(twice.results.front());
  const Comparison comparison = compare_runs(twice, a_run("B", Cost{}));
  EXPECT_EQ(comparison.rows.size(), 2u);
  EXPECT_EQ(comparison.notes.size(), 2u);
}

TEST(Compare, NothingInCommonIsRefused) {
  const RunResults run = a_run("A", Cost{});
  expect_refused(run, a_run("B", result_of({})), "B: no result with rows to compare");
  std::vector<BenchRow> other = rows_of({});
  for (BenchRow& row : other) row.name += "/other";
  expect_refused(run, a_run("B", result_of(other)), "nothing to compare: no row is in both A and B");
  expect_refused(run, run, "no row that --only finds is in both", {.only = "nowhere"});
  const Comparison some = compare_runs(run, run, {.only = "engine/"});
  EXPECT_EQ(some.rows.size(), 1u);
  EXPECT_TRUE(some.drift) << "of the copies, though they are not shown";
  EXPECT_THROW((void)compare_runs(run, run, {.only = "["}), std::invalid_argument);
}

TEST(Compare, DamagedResultsAreNamed) {
  for (const char* const key : {"machine", "build", "allocator", "rows"}) {
    Json damaged = result_of(rows_of({}));
    if (damaged[key].is_array()) {
      damaged[key][0].erase("samples_ns");
    } else {
      damaged.erase(key);
    }
    expect_refused(a_run("A", Cost{}), a_run("B", damaged), "B/bench.json: no result of vmbsave, or damaged");
  }
}

Json replay_result(std::uint64_t ns) {
  replay::Options options;
  options.threads = 2;
  options.service_time_ns = 10'000'000;
  replay::Result result;
  for (const double sample : spread(static_cast<double>(ns), 500, 1)) {
    result.save_ns.push_back(static_cast<std::uint64_t>(sample));
  }
  result.verified = result.restored = true;
  Json json = replay_json({"traces/disk.vscsi", "vscsi-v1", "storvsp", false, true}, options, result);
  json.update(facts());
  return json;
}

// Nothing runs beside a replay: only what no plain copy explains is called a difference.
TEST(Compare, AReplayIsJudgedByMoreThanTheMachinesDrift) {
  const auto with_replay = [](const char* name, const Cost& cost, std::uint64_t ns) {
    RunResults run = a_run(name, cost);
    run.results.push_back({std::string(name) + "/disk.json", replay_result(ns)});
    return run;
  };
  const std::string replay = "replay/disk.vscsi/10.00 ms/vms:1/threads:2";
  const RunResults a = with_replay("A", {}, 100'000);
  const Comparison drifted = compare_runs(a, with_replay("B", {.floor_ns = 1.5e6}, 140'000));
  EXPECT_EQ(row_named(drifted, replay).difference, Difference::kNoneSeen);
  EXPECT_TRUE(row_named(drifted, replay).is_by_time);
  EXPECT_EQ(row_named(compare_runs(a, with_replay("B", {.floor_ns = 1.5e6}, 200'000)), replay).difference,
            Difference::kSlower);
  EXPECT_EQ(row_named(compare_runs(a, with_replay("B", {}, 80'000)), replay).difference, Difference::kFaster);
  const RunResults alone{"A", {{"disk.json", replay_result(100'000)}}};
  const RunResults slower{"B", {{"disk.json", replay_result(200'000)}}};
  const ComparedRow row = row_named(compare_runs(alone, slower), replay);
  EXPECT_EQ(row.difference, Difference::kNotKnown);
  EXPECT_NEAR(*row.time.p50, 2, 0.05);
}

TEST(Compare, OlderReplaysWithoutIntervalAreNotKnown) {
  Json old = replay_result(100'000);
  old["save_ns"].erase("p50_low");
  old["save_ns"].erase("p50_high");
  const RunResults run{"A", {{"disk.json", old}}};
  EXPECT_EQ(compare_runs(run, run).rows.at(0).difference, Difference::kNotKnown);
}

TEST(Compare, TheTableIsNarrowAndColouredOnlyOnRequest) {
  const Comparison comparison = compared({}, {.ratio = 2, .seed = 2});
  const std::string plain = compare_table(comparison);
  EXPECT_EQ(plain.find('\033'), std::string::npos);
  EXPECT_NE(compare_table(comparison, true).find("\033[31mslower\033[0m"), std::string::npos);
  std::size_t begin = 0;
  for (std::size_t end = plain.find('\n'); end != std::string::npos; begin = end + 1, end = plain.find('\n', begin)) {
    EXPECT_LE(end - begin, 132u) << plain.substr(begin, end - begin);
  }
  EXPECT_NE(plain.find("1 rows compared, and 1 of plain copies: 0 faster, 1 slower,"), std::string::npos) << plain;
}

TEST(Compare, NamesSteerNoTerminal) {
  RunResults run = a_run("A\033[2J\n", Cost{});
  run.results[0].json["rows"][1]["name"] = "save/\033[31m\n";
  const std::string table = compare_table(compare_runs(run, run));
  EXPECT_EQ(table.find('\033'), std::string::npos);
  EXPECT_NE(table.find("?[31m?"), std::string::npos);
}

TEST(Compare, RunsThatAreOlderThanTheEngineAreNamed) {
  Comparison comparison = compared({}, {});
  EXPECT_EQ(compare_table(comparison).find("older"), std::string::npos);
  comparison.a.engine_commits_since = 3;
  comparison.b.engine_commits_since = 0;
  EXPECT_NE(compare_table(comparison).find("A is older than the engine here, which 3 commits have changed since\n"),
            std::string::npos);
  EXPECT_EQ(compare_table(comparison).find("B is older"), std::string::npos);
}

TEST(Compare, TheJsonMatchesItsSchema) {
  const tests::Schema schema(std::filesystem::path(VMBSAVE_SCHEMAS) / "compare.schema.json");
  std::vector<BenchRow> other = rows_of({.ratio = 2});
  other[1].samples.image_bytes = 5;
  other.push_back(row_at("engine", {}, 2));
  other.back().name = "save/new";
  RunResults b = a_run("B", result_of(other));
  b.results.push_back({"B/disk.json", replay_result(5'000)});
  Comparison comparison = compare_runs(a_run("A", Cost{}), b);
  schema.expect_matches(compare_json(comparison));
  comparison.b.engine_commits_since = 2;
  const Json json = compare_json(comparison);
  schema.expect_matches(json);
  EXPECT_EQ(json.at("rows")[1].at("difference"), "slower");
  EXPECT_EQ(json.at("only_in_b").size(), 2u);
  schema.expect_matches(compare_json(compare_runs(a_run("A", Cost{}), b, {.across_machines = true})));
}

}  // namespace
}  // namespace vmbsave::report
