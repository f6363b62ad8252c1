// What is drawn is what was measured: curves, bands and points against results with known numbers.
#include <cmath>
#include <limits>

#include "report/page/axis.hpp"
#include "report/page/script.hpp"
#include "unit/page_figures.hpp"

namespace {

using namespace vmbsave::tests;
using namespace vmbsave::page;

// The fused plan at two numbers of packets: the floor is half of it, the documented protocol five times as long.
Json two_points() {
  Json bench = kept("vmbsave-bench-1");
  Json rows = Json::array();
  for (Json row : bench.at("rows")) {
    const std::uint64_t packets = row.at("packets");
    const std::string usual = "channels:16/packets:" + std::to_string(packets) + "/state:32-272";
    const bool is_one = row.at("implementation") == "engine" && row.at("plan") == "fused" && row.at("point") == usual &&
                        row.at("cache") == "warm" && row.at("pages") == "default" && !row.at("checksum").get<bool>() &&
                        row.at("threads") == 2 && (packets == 64 || packets == 65'536);
    if (!is_one) continue;
    row["save_ns"]["p50"] = packets == 64 ? 10'000 : 2'000'000;
    row["ratio_to_floor"]["p50"] = 2.0;
    row["times_faster_than_documented_sequential"]["p50"] = 5.0;
    rows.push_back(row);
  }
  bench["rows"] = rows;
  return bench;
}

TEST(PageLatency, CurvesAreTheMediansAndWhatRanBesideThem) {
  const Json bench = two_points();
  ASSERT_EQ(bench.at("rows").size(), 2u);
  const auto content = latency_figure(run_of(bench));
  const Curves& curves = curves_of(content->pictures.at(0));
  expect_points(curve_of(curves, "engine fused, 2 threads"), {{64, 10'000}, {65'536, 2'000'000}});
  expect_points(curve_of(curves, "copy floor (beside fused)"), {{64, 5'000}, {65'536, 1'000'000}});
  expect_points(curve_of(curves, "documented (beside fused)"), {{64, 50'000}, {65'536, 10'000'000}});
  const Curve* const floor = curve_of(curves, "copy floor (beside fused)");
  EXPECT_TRUE(std::any_of(floor->points.begin(), floor->points.end(),
                          [](const Point& point) { return contains(point.hover, "65,536 packets in 1 ms"); }));
}

// As a time line is at its ends, where there are too few calls for a percentile.
TEST(PageCurves, ALineMayEndInAGapOrBeOne) {
  const double gap = std::numeric_limits<double>::quiet_NaN();
  Curves curves{{"x", count_text}, {"y", time_text}, {}};
  curves.curves.push_back({"ends in a gap", Ink::kEngine, {{1, 2, "one"}, {2, gap, ""}}});
  curves.curves.push_back({"is one", Ink::kPeer, {{1, gap, ""}, {2, gap, ""}}});
  for (const Width width : {Width::kWide, Width::kNarrow}) {
    EXPECT_FALSE(contains(curves_script(curves, width).text, "nan"));
  }
}

TEST(PagePercentiles, EachStandsAtItsPlaceWithItsSample) {
  Json bench = two_points();
  Json samples = Json::array();
  for (int i = 2'000; i > 0; --i) samples.push_back(i * 1'000);
  for (Json& row : bench["rows"]) row["samples_ns"] = samples;
  const auto content = percentiles_figure(run_of(bench));
  const Curve* const curve = curve_of(curves_of(content->pictures.at(0)), "engine fused, 2 threads");
  ASSERT_NE(curve, nullptr);
  const auto at = [&](const std::string& name) {
    const auto point = std::find_if(curve->points.begin(), curve->points.end(),
                                    [&](const Point& of) { return contains(of.hover, ", " + name + ": "); });
    return point == curve->points.end() ? Point{0, 0, ""} : *point;
  };
  EXPECT_EQ(at("p50").y, 1'000'000);
  EXPECT_EQ(at("p90").y, 1'800'000);
  EXPECT_NEAR(at("p90").x, 1, 1e-9);
  EXPECT_EQ(at("p99").y, 1'980'000);
  EXPECT_NEAR(at("p99").x, 2, 1e-9);
  EXPECT_EQ(at("p99.9").y, 0) << "two samples beyond it are too few";
}

// Intervals of several rows at one number of threads lay on each other.
TEST(PageThreads, NoIntervalHidesAnother) {
  const auto content = threads_figure(kept_run());
  std::vector<double> places;
  for (const Curve& curve : curves_of(content->pictures.at(0)).curves) {
    if (curve.name != "ideal") places.push_back(curve.points.back().x);
  }
  ASSERT_GT(places.size(), 5u);
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i) EXPECT_GT(places[i] - places[i - 1], 0.01);
  EXPECT_NEAR((places.front() + places.back()) / 2, 2, 1e-9);
}

// Heights of the names, as shares of the axes.
std::vector<double> name_heights(const std::string& script) {
  std::vector<double> heights;
  const std::string before = "at graph 1.055, graph ";
  for (std::size_t at = script.find(before); at != std::string::npos; at = script.find(before, at + 1)) {
    heights.push_back(std::stod(script.substr(at + before.size())));
  }
  return heights;
}

TEST(PageCurves, NamesStandAroundTheEndsOfTheirLines) {
  Curves curves{{"x", plain_text}, {"y", plain_text, false, 0.0, 100.0}, {}};
  for (int i = 0; i < 5; ++i) {
    curves.curves.push_back({"curve", Ink::kPeer, {{0, 0, ""}, {1, 40.0 + i, ""}}});
  }
  std::vector<double> heights = name_heights(script_of(curves, Width::kWide).text);
  ASSERT_EQ(heights.size(), 5u);
  EXPECT_TRUE(std::is_sorted(heights.begin(), heights.end()));
  EXPECT_NEAR(heights[2], 0.42, 1e-3);
  EXPECT_NEAR(heights[3] - heights[2], 16.0 / 350, 1e-3);
  for (Curve& curve : curves.curves) curve.points.back().y = 100;
  heights = name_heights(script_of(curves, Width::kWide).text);
  EXPECT_NEAR(heights[4], 1.02, 1e-3);
}

TEST(PageCurves, PeersAreToldApartByMarksAndDashes) {
  Curves curves{{"x", plain_text}, {"y", plain_text}, {}};
  for (int i = 0; i < 2; ++i) curves.curves.push_back({"peer", Ink::kPeer, {{0, 0, ""}, {1, 1.0 + i, ""}}});
  const std::string script = script_of(curves, Width::kWide).text;
  EXPECT_TRUE(contains(script, "$c1 using 1:2 with lines lw 1.4 lc rgb '#010005' dt (9,3)")) << script;
  EXPECT_TRUE(contains(script, "point pt 6 ps 0.65"));
  EXPECT_TRUE(contains(script, "point pt 4 ps 0.65"));
}

}  // namespace
