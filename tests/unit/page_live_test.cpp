// The figure of a guest whose VM is saved: what is shaded, what is drawn, and what its table has.
#include "unit/page_figures.hpp"

namespace {

using namespace vmbsave::tests;
using namespace vmbsave::page;

Json part(std::uint64_t ns, Json p50, Json p99, Json p999) {
  return {{"ns", ns}, {"latency_ns", {{"calls", 9}, {"p50", p50}, {"p99", p99}, {"p999", p999}, {"max", 9}}}};
}

// Two rounds whose stretches have lengths and latencies of their own.
Json two_rounds() {
  Json live = kept("vmbsave-live-1");
  Json rounds = Json::array();
  rounds.push_back({{"before", part(1'000'000'000, 10, 20, 30)},
                    {"during", part(2'000'000'000, 100, 200, 300)},
                    {"after", part(3'000'000'000, 11, 21, nullptr)}});
  rounds.push_back({{"before", part(1'000'000'000, 12, 22, nullptr)},
                    {"during", part(4'000'000'000, 102, 202, nullptr)},
                    {"after", part(1'000'000'000, 13, 23, nullptr)}});
  live["rows"][0]["rounds"] = rounds;
  return live;
}

TEST(PageLive, ShadedAreTheStretchesOfSavesAndPointsLieInTheMiddleOfTheirs) {
  const auto content = live_figure(run_of(two_rounds()));
  const Curves& curves = curves_of(content->pictures.at(0));
  ASSERT_EQ(curves.bands.size(), 2u);
  EXPECT_EQ(curves.bands[0].from, 1);
  EXPECT_EQ(curves.bands[0].to, 3);
  EXPECT_EQ(curves.bands[1].from, 7);
  EXPECT_EQ(curves.bands[1].to, 11);
  expect_points(curve_of(curves, "p50"), {{0.5, 10}, {2, 100}, {4.5, 11}, {6.5, 12}, {9, 102}, {11.5, 13}});
  expect_points(curve_of(curves, "p99.9"), {{0.5, 30}, {2, 300}});
  const Curve* const p99 = curve_of(curves, "p99");
  ASSERT_NE(p99, nullptr);
  EXPECT_EQ(p99->points.at(1).hover, "during saves: p99 200 ns");
}

TEST(PageLive, TheTableHasWhatIsDrawnRoundByRound) {
  const auto content = live_figure(run_of(two_rounds()));
  const auto& rows = content->tables.at(0).rows;
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[1], (std::vector<std::string>{"1", "during", "2", "100 ns", "200 ns", "300 ns"}));
  EXPECT_EQ(rows[5], (std::vector<std::string>{"2", "after", "1", "13 ns", "23 ns", "-"}));
}

TEST(PageLive, RequestsThatMetASaveAreDrawnBesideTheOthers) {
  const auto content = live_figure(kept_run());
  ASSERT_EQ(content->pictures.size(), 2u);
  const Bars& bars = bars_of(content->pictures[1]);
  const Bar* const met = bar_of(bars, "during: met a save");
  const Bar* const apart = bar_of(bars, "during: the others");
  ASSERT_TRUE(met != nullptr && apart != nullptr);
  EXPECT_EQ(met->text, "p50 1.64 ms, p99 30.4 ms, p99.9 32.2 ms");
  EXPECT_EQ(met->segments[0].value, 1'638'399);
  EXPECT_EQ(apart->segments[0].value, 1'269'759);
}

TEST(PageLive, WithoutAnIntervalTheRoundsAreSaidToBeTooFew) {
  Json live = two_rounds();
  EXPECT_TRUE(contains(live_figure(run_of(live))->reading, "is 1.00 [0.99, 1.15] times"));
  for (const char* const of : {"p50", "p99"}) {
    for (const char* const key : {"p50", "low", "high"}) live["rows"][0]["during_to_before"][of][key] = nullptr;
  }
  const std::string reading = live_figure(run_of(live))->reading;
  EXPECT_TRUE(reading.starts_with("2 rounds are too few")) << reading;
  EXPECT_FALSE(contains(reading, "- times"));
}

}  // namespace
