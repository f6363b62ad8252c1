// The figure of loads: no row is left out unsaid, and no ratio stands without its interval.
#include "unit/page_figures.hpp"

namespace {

using namespace vmbsave::tests;
using namespace vmbsave::page;

TEST(PageLoad, EveryRowOfTheKeptRunHasABarInBothPictures) {
  const Json load = kept("vmbsave-load-1");
  const auto content = load_figure(kept_run());
  ASSERT_EQ(content->pictures.size(), 2u);
  for (const Picture& picture : content->pictures) {
    EXPECT_EQ(bars_of(picture).bars.size(), load.at("rows").size());
    for (const Json& row : load.at("rows")) {
      const auto group = row.at("group").get<std::string>();
      const auto is_of = [&](const Bar& bar) {
        return (bar.label.starts_with(group + ", p") || bar.label.starts_with(group + ":")) &&
               bar.label.ends_with(": " + row.at("implementation").get<std::string>());
      };
      EXPECT_EQ(std::count_if(bars_of(picture).bars.begin(), bars_of(picture).bars.end(), is_of), 1) << row.at("name");
    }
  }
  EXPECT_TRUE(content->notes.empty());
}

// mutex_list has too few calls for more: the engine stands beside it at the same percentile.
TEST(PageLoad, RowsOfALoadStandBesideEachOtherAtThePercentileThatAllHave) {
  const auto content = load_figure(kept_run());
  const Bars& bars = bars_of(content->pictures[0]);
  for (const char* const label : {"pinned/open, p99: engine", "pinned/open, p99: mutex_list",
                                  "pinned/blackout, p50: engine", "pinned/blackout, p50: mutex_list"}) {
    EXPECT_NE(bar_of(bars, label), nullptr) << label;
  }
  const Bar* const bar = bar_of(bars, "pinned/open, p99: engine");
  EXPECT_EQ(bar->segments[0].value, 583);
  EXPECT_EQ(bar->segments[0].value + bar->segments[1].value, 851);
  EXPECT_TRUE(contains(bar->segments[1].hover, "p99: 851 ns"));
}

TEST(PageLoad, ARatioHasItsInterval) {
  const auto content = load_figure(kept_run());
  const Bars& bars = bars_of(content->pictures[1]);
  EXPECT_EQ(bar_of(bars, "pinned/blackout: mutex_list")->text, "3.94 ms, 1.05 x [1.00, 1.12]");
  EXPECT_EQ(bar_of(bars, "pinned/open: mutex_list")->text, "33.4 us, 0.78 to 0.84 x");
  EXPECT_EQ(bar_of(bars, "pinned/blackout: engine")->text, "3.64 ms");
}

TEST(PageLoad, ARowThatCannotBeDrawnIsNamed) {
  Json load = kept("vmbsave-load-1");
  load["rows"][1]["with_saves"]["complete_ns"]["p50"] = nullptr;
  load["rows"][1]["blackout_ns"]["p50"] = nullptr;
  const auto content = load_figure(run_of(load));
  const Bars& bars = bars_of(content->pictures[0]);
  EXPECT_EQ(bars.bars.size(), load.at("rows").size() - 1);
  EXPECT_NE(bar_of(bars, "pinned/open, p99.9: engine"), nullptr) << "it has no say";
  ASSERT_EQ(content->notes.size(), 2u);
  EXPECT_TRUE(contains(content->notes[0], "What a completion takes\u201d: pinned/open: mutex_list."));
  EXPECT_TRUE(contains(content->notes[1], "How long a save stops completions\u201d: pinned/open: mutex_list."));
}

}  // namespace
