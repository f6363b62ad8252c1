// Bars: labels that can be told apart, and numbers that nothing strikes out.
#include "report/page/axis.hpp"
#include "report/page/script.hpp"
#include "report/page/short_names.hpp"
#include "unit/page_figures.hpp"

namespace {

using namespace vmbsave::tests;
using namespace vmbsave::page;

TEST(PageBars, LabelsOfTheGateDifferWhereItsCasesDo) {
  const auto content = gate_figure(kept_run());
  ASSERT_EQ(content->pictures.size(), 1u);
  const Bars& bars = bars_of(content->pictures[0]);
  std::vector<std::string> labels;
  for (const Bar& bar : bars.bars) {
    labels.push_back(bar.label);
    EXPECT_LT(bar.label.size(), 48u) << bar.label;  // what fits beside the axis
  }
  std::sort(labels.begin(), labels.end());
  EXPECT_EQ(std::adjacent_find(labels.begin(), labels.end()), labels.end());
  const Bar* const bar = bar_of(bars, "save/engine/fused/state:0-0");
  ASSERT_NE(bar, nullptr);
  EXPECT_TRUE(
      bar->segments[0].hover.starts_with("save/engine/fused/channels:16/packets:4096/state:0-0/threads:1: 1.000 PASS"));
  EXPECT_TRUE(contains(content->notes.front() + content->notes.back(), "channels:16, packets:4096"));
}

TEST(PageBars, ShortNamesStayDifferent) {
  const ShortNames names({"a/n:1/m:2", "b/n:1/m:3", "a/n:1/m:3", "a"});
  EXPECT_EQ(names.of("a/n:1/m:2"), "a/m:2");
  EXPECT_EQ(names.left_out(), std::vector<std::string>{"n:1"});
  const ShortNames twice({"a/n:1", "b/n:1", "a"});
  EXPECT_EQ(twice.of("a/n:1"), "a/n:1");
  EXPECT_EQ(twice.of("b/n:1"), "b");
  EXPECT_EQ(own_parts("save, n:1/m:10/k:2", "save, n:1/m:1"), "m:10/k:2");
  EXPECT_EQ(own_parts("n:1", "n:1/m:1"), "");
}

// The line of "no difference" would strike it out.
TEST(PageBars, ANumberStandsBehindTheMarkThatItWouldLieOn) {
  Bars bars{{"x", plain_text, true}, {{"a", {{0.99, Ink::kPeer, ""}}, "0.990"}, {"b", {{0.2, Ink::kPeer, ""}}, "0.2"}}};
  bars.mark = 1;
  const std::string script = script_of(bars, Width::kWide).text;
  EXPECT_TRUE(contains(script, "set label '0.990' font ',13.0' at first 1, first 1 left")) << script;
  EXPECT_TRUE(contains(script, "set label '0.2' font ',13.0' at first 0.2, first 0 left")) << script;
}

// There the labels stand above the bars, across the axis.
TEST(PageBars, OnAPhoneTheMarkStrikesNoLabelOut) {
  Bars bars{{"x", plain_text, true}, {{"a label", {{0.99, Ink::kPeer, ""}}, "0.990"}}};
  bars.mark = 1;
  EXPECT_TRUE(contains(script_of(bars, Width::kWide).text, "from first 1, graph 0 to first 1, graph 1 back"));
  const std::string script = script_of(bars, Width::kNarrow).text;
  EXPECT_TRUE(contains(script, "from first 1, first -0.25 to first 1, first 0.25 back")) << script;
  EXPECT_FALSE(contains(script, "graph 1 back"));
}

}  // namespace
