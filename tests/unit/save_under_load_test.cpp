// The scenario "save under load" at tiny sizes: its accounts, and what must fail a row. Nothing here looks at a time.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "json_schema.hpp"
#include "latency/load_suite.hpp"
#include "report/load_report.hpp"
#include "scenarios/save_under_load/load_run.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::bench {
namespace {

LoadSpec small(MakeTarget make) {
  return {.name = "x",
          .make = make,
          .channels = 2,
          .packets = 64,
          .service_ns = 100'000,
          .gap_ns = 100'000,
          .phase_ns = 5'000'000,
          .rounds = 2};
}

LoadResult run(const LoadSpec& spec) {
  LoadRun run(spec, nullptr);
  run.check();
  for (unsigned i = 0; i < spec.rounds; ++i) run.round();
  return run.result();
}

class SaveUnderLoad : public testing::TestWithParam<MakeTarget> {};

TEST_P(SaveUnderLoad, DeliversEachPacketOnceWithSavesAndWithout) {
  for (const std::uint64_t arrivals : {std::uint64_t{0}, std::uint64_t{20'000}}) {
    LoadSpec spec = small(GetParam());
    spec.arrivals_per_s = arrivals;
    if (arrivals != 0) spec.service_ns = 1'000'000;
    const LoadResult result = run(spec);
    EXPECT_GT(result.issued, 0u);
    EXPECT_EQ(result.delivered, result.issued);
    EXPECT_EQ(result.lost + result.delivered_twice, 0u);
    EXPECT_GE(result.blackout_ns.size(), 2u);
    EXPECT_EQ(result.round_blackout_ns.size(), 2u);
    EXPECT_EQ(result.without.per_second.size(), 2u);
    EXPECT_GT(result.without.complete.count(), 0u);
    EXPECT_EQ(result.without.arrival.count() != 0, arrivals != 0);
    EXPECT_GE(result.issued, result.without.complete.count() + result.during.complete.count());
    const SaveTimeline& timeline = result.timeline;
    EXPECT_GT(timeline.before.delivery.count() + timeline.during.delivery.count(), 0u);
    EXPECT_GE(result.during.delivery.count(), timeline.during.delivery.count()) << "each delivery of a save once";
    for (const SaveTimeline::Bin& bin : timeline.bins()) EXPECT_LE(bin.saves, result.blackout_ns.size());
  }
}

std::string name_of(const testing::TestParamInfo<MakeTarget>& way) {
  constexpr const char* kNames[] = {"Engine", "MutexList", "DrainThenSave"};
  return kNames[way.index];
}

INSTANTIATE_TEST_SUITE_P(Ways, SaveUnderLoad,
                         testing::Values(make_engine_target, make_mutex_list, make_drain_then_save), name_of);

TEST(SaveUnderLoadEngine, SavesWhatIsInFlight) {
  LoadSpec spec = small(make_engine_target);
  spec.service_ns = 3'600'000'000'000;  // all stay in flight, but for the first, which is due at once and comes again
  const LoadResult result = run(spec);
  const std::uint64_t all = 64 * result.blackout_ns.size();
  EXPECT_LE(result.saved_packets, all);
  EXPECT_GE(result.saved_packets + spec.rounds, all) << "a save may find the first one on its way, once a round";
}

TEST(SaveUnderLoadEngine, IsIdleInItsOwnPhaseOnly) {
  LoadSpec spec = small(make_engine_target);
  EXPECT_EQ(run(spec).idle.count(), 0u);
  spec.pinned = true;
  try {
    const LoadResult result = run(spec);
    EXPECT_GT(result.idle.count(), 0u);
    EXPECT_EQ(result.round_blackout_ns.size(), spec.rounds) << "saves of an idle VSP are no blackout";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("needs two processors"), std::string::npos) << error.what();
  }
}

// ---- a target that is wrong ----

enum class Fault { kNone, kLoses, kDeliversTwice, kForgetsInTheImage, kWrongStatus };

template <Fault kFault>
class Faulty final : public Target {
 public:
  explicit Faulty(const TargetOptions& options) : options_(options) {}
  const char* name() const noexcept override { return "faulty"; }
  bool acquire(Token) noexcept override { return true; }
  void complete(Token token) noexcept override {
    const bool faulty = token == 5;
    if (kFault == Fault::kLoses && faulty) return;
    options_.sink(options_.sink_context, token);
    if (kFault == Fault::kDeliversTwice && faulty) options_.sink(options_.sink_context, token);
  }
  Saved save(std::vector<Token>* image) override {
    if (kFault == Fault::kWrongStatus && image == nullptr) throw CheckFailed("a save failed");
    const Token first = kFault == Fault::kForgetsInTheImage ? 1 : 0;
    for (Token token = first; image != nullptr && token < options_.packets; ++token) image->push_back(token);
    return {1000, options_.packets, 0};
  }
  static std::unique_ptr<Target> make(const TargetOptions& options) { return std::make_unique<Faulty>(options); }

 private:
  const TargetOptions options_;
};

void expect_failure(MakeTarget make, const std::string& words) {
  try {
    (void)run(small(make));
    ADD_FAILURE() << "no failure";
  } catch (const CheckFailed& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(SaveUnderLoadFaults, EachFailsTheRow) {
  EXPECT_NO_THROW((void)run(small(Faulty<Fault::kNone>::make)));
  expect_failure(Faulty<Fault::kLoses>::make, "1 were never delivered and 0 twice");
  expect_failure(Faulty<Fault::kDeliversTwice>::make, "0 were never delivered and ");
  expect_failure(Faulty<Fault::kForgetsInTheImage>::make, "an image of 63 packets, where 64 were in flight");
  expect_failure(Faulty<Fault::kWrongStatus>::make, "a save failed");
}

TEST(SaveUnderLoadGroup, ARowThatFailsLeavesTheOthersAlone) {
  LoadSpec good = small(make_engine_target);
  good.name = "engine";
  LoadSpec bad = small(Faulty<Fault::kLoses>::make);
  bad.name = "bad";
  Executors executors;
  LoadLog log;
  run_group({"g", {good, bad, good}}, executors, log);
  const std::vector<report::LoadRow> rows = log.rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_TRUE(rows[0].error.empty());
  EXPECT_NE(rows[1].error.find("never delivered"), std::string::npos);
  EXPECT_EQ(rows[2].blackout_to_engine.size(), 2u);
  EXPECT_EQ(rows[0].name, "load/g/engine");
}

TEST(SaveUnderLoadReport, IsAsItsSchemaSaysAndHasATable) {
  Executors executors;
  LoadLog log;
  LoadSpec spec = small(make_engine_target);
  spec.name = "engine";
  run_group({"pinned/x", {spec}}, executors, log);
  nlohmann::ordered_json context;
  for (const char* const key : {"machine", "build", "libraries", "allocator"}) context[key] = nullptr;
  const nlohmann::ordered_json json = report::load_json("2026-01-01T00:00:00Z", context, {"tsc", 10}, log.rows());
  tests::Schema(VMBSAVE_SCHEMAS "/load.schema.json", "/$defs/row").expect_matches(nlohmann::json(json["rows"][0]));
  const std::string table = report::load_table(json);
  EXPECT_NE(table.find("engine"), std::string::npos);
  EXPECT_NE(table.find("clock tsc, 10 ns a reading"), std::string::npos);
}

// ---- the time line: two saves, in bins of 10 ns from 20 ns before a cut to 60 ns behind it ----

constexpr TimeSpan kSaves[] = {{100, 125}, {180, 190}};

SaveTimeline timeline_of(const std::vector<TimeSpan>& calls) {
  SaveTimeline timeline(2, 10, 8);
  timeline.add_saves(90, kSaves);
  timeline.add_calls(&SaveTimeline::Times::complete, kSaves, calls);
  return timeline;
}

// Calls before, during and after a save, then those of each bin.
std::vector<std::uint64_t> counts(const SaveTimeline& timeline) {
  std::vector<std::uint64_t> counts = {timeline.before.complete.count(), timeline.during.complete.count(),
                                       timeline.after.complete.count()};
  for (const SaveTimeline::Bin& bin : timeline.bins()) counts.push_back(bin.times.complete.count());
  return counts;
}

using Counts = std::vector<std::uint64_t>;

TEST(SaveTimeline, ACallIsInTheBinInWhichItBegan) {
  EXPECT_EQ(counts(timeline_of({{79, 80}})), (Counts{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) << "before the first bin";
  EXPECT_EQ(counts(timeline_of({{80, 82}})), (Counts{1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(counts(timeline_of({{99, 100}})), (Counts{1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0})) << "over at the cut";
  EXPECT_EQ(counts(timeline_of({{99, 101}})), (Counts{0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0})) << "into the save";
  EXPECT_EQ(counts(timeline_of({{100, 101}})), (Counts{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0})) << "at the cut";
  EXPECT_EQ(counts(timeline_of({{124, 150}})), (Counts{0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0})) << "until behind the save";
  EXPECT_EQ(counts(timeline_of({{125, 126}})), (Counts{0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0})) << "at the save's end";
  EXPECT_EQ(counts(timeline_of({{155, 156}})), (Counts{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST(SaveTimeline, BetweenTwoSavesACallBelongsToBoth) {
  EXPECT_EQ(counts(timeline_of({{160, 161}})), (Counts{1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})) << "behind the last bin";
  SaveTimeline timeline(7, 10, 14);
  timeline.add_calls(&SaveTimeline::Times::complete, kSaves, std::vector<TimeSpan>{{141, 149}});
  EXPECT_EQ(counts(timeline), (Counts{1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
}

TEST(SaveTimeline, WithTheLastSaveTheLoadEnds) {
  EXPECT_EQ(counts(timeline_of({{189, 200}})), (Counts{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(counts(timeline_of({{190, 191}})), (Counts{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(SaveTimeline, KnowsWhatACallTookAndOfWhichKindItIs) {
  const SaveTimeline timeline = timeline_of({{101, 124}});
  EXPECT_EQ(timeline.bins()[2].times.complete.max(), 23u);
  EXPECT_EQ(timeline.during.complete.max(), 23u);
  EXPECT_EQ(timeline.bins()[2].times.delivery.count() + timeline.during.delivery.count(), 0u);
}

TEST(SaveTimeline, CountsTheSavesThatABinWasSeenAround) {
  const SaveTimeline timeline = timeline_of({});
  Counts saves;
  for (const SaveTimeline::Bin& bin : timeline.bins()) saves.push_back(bin.saves);
  // The load began at 90, behind the middle of the first save's first bin; the second save ends it after 10 ns.
  EXPECT_EQ(saves, (Counts{1, 2, 2, 1, 1, 1, 1, 1}));
}

TEST(SaveTimeline, IsAThirdOfAGapBeforeTheCutAndFourThirdsBehindIt) {
  const SaveTimeline timeline = SaveTimeline::around(15'000'000);
  EXPECT_EQ(timeline.before_ns(), 5'000'000u);
  EXPECT_EQ(timeline.bin_ns() * timeline.bins().size(), 25'000'000u);
  for (const std::uint64_t gap_ns : {std::uint64_t{15'000'000}, std::uint64_t{100'000}, std::uint64_t{7}}) {
    const SaveTimeline around = SaveTimeline::around(gap_ns);
    EXPECT_EQ(around.before_ns() % around.bin_ns(), 0u) << "no bin is both before and behind the cut";
  }
}

TEST(TimeSpans, KeepWhatFits) {
  TimeSpans spans(2);
  for (std::uint64_t i = 1; i <= 3; ++i) spans.add(i, i + 1);
  ASSERT_EQ(spans.spans().size(), 2u);
  EXPECT_EQ(spans.spans()[1].begin, 2u);
  spans.clear();
  EXPECT_TRUE(spans.spans().empty());
}

TEST(Histogram, ItsPercentilesAreNeverTooSmallAndHardlyTooLarge) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 100'000; ++value) histogram.add(value);
  for (const double fraction : {0.01, 0.5, 0.99, 0.999}) {
    const double exact = fraction * 100'000;
    const auto found = static_cast<double>(histogram.percentile(fraction).value());
    EXPECT_GE(found, exact);
    EXPECT_LE(found, exact * 1.01);
  }
  EXPECT_EQ(histogram.max(), 100'000u);
  EXPECT_FALSE(histogram.percentile(0.99999).has_value()) << "one value beyond it says nothing";
  Histogram few;
  few.add(UINT64_MAX);
  EXPECT_EQ(few.max(), UINT64_MAX);
}

}  // namespace
}  // namespace vmbsave::bench
