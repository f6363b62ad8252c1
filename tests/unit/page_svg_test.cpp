// What is made of gnuplot's drawings, and of texts for gnuplot and for HTML.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "report/page/axis.hpp"
#include "report/page/gnuplot.hpp"
#include "report/page/html.hpp"
#include "report/page/script.hpp"
#include "report/page/svg.hpp"

namespace {

using namespace vmbsave::page;

// As gnuplot 5.4 writes it, with one plot that has a line and a point.
std::string drawn_by_gnuplot() {
  return "<?xml version=\"1.0\"?>\n<svg \n viewBox=\"0 0 840 450\"\n xmlns:xlink=\"x\"\n>\n\n<title>Gnuplot</title>\n"
         "<desc>Produced by GNUPLOT</desc>\n\n<g id=\"gnuplot_canvas\">\n<defs>\n"
         "\t<circle id='gpPt5' cx='0' cy='0' r='1'/>\n"
         "\t<use xlink:href='#gpPt5' id='gpPt6' fill='currentColor' stroke='none'/>\n"
         "\t<path id='gpPt7' d='M0,-1.33 z'/>\n"
         "\t<filter id='textbox'>\n<feFlood/>\n</filter>\n</defs>\n"
         "<g fill=\"none\" color=\"black\" stroke=\"currentColor\" stroke-width=\"1.00\">\n</g>\n"
         "\t<g id=\"gnuplot_plot_1\" ><title>gnuplot_plot_1</title>\n"
         "<g fill=\"none\" color=\"black\" stroke=\"currentColor\" stroke-width=\"1.00\">\n"
         "\t<path stroke='rgb(  1,   0,   0)'  d='M1,1 L2,2'/>\n"
         "\t<g stroke=\"none\" fill=\"rgb(1,0,3)\" font-family=\"sans-serif\" font-size=\"13.00\">\n"
         "\t\t<text>engine</text>\n\t</g>\n"
         "\t<g onmousemove=\"gnuplot_svg.showHypertext(evt,'5 &lt; 6')\" "
         "onmouseout=\"gnuplot_svg.hideHypertext()\"><title> </title>\n"
         "\t<use xlink:href='#gpPt6' color='rgb(  1,   0,   0)'/></g>\n"
         "</g>\n\t</g>\n</g>\n</svg>\n";
}

std::string svg() { return inline_svg(drawn_by_gnuplot(), "latency", "A <figure>", {"the engine's \"line\""}); }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(PageSvg, IdsBeginWithTheFiguresAndAreReferredToAsSuch) {
  EXPECT_TRUE(has(svg(), " id='latency-gpPt6'"));
  EXPECT_TRUE(has(svg(), "href='#latency-gpPt6'"));
  EXPECT_FALSE(has(svg(), "'gpPt")) << svg();
  EXPECT_FALSE(has(svg(), "'#gpPt"));
  EXPECT_FALSE(has(svg(), "gnuplot_"));
}

TEST(PageSvg, MarksThatNoPointHasAreDroppedAndThoseThatOthersAreMadeOfAreKept) {
  EXPECT_FALSE(has(svg(), "gpPt7"));
  EXPECT_TRUE(has(svg(), " id='latency-gpPt5'"));
}

TEST(PageSvg, PlotsAndPointsSayWhatTheyAreWithoutScripts) {
  EXPECT_TRUE(has(svg(), "<title>the engine's &quot;line&quot;</title>"));
  EXPECT_TRUE(has(svg(), "<g><title>5 &lt; 6</title>"));
  EXPECT_FALSE(has(svg(), "onmouse"));
}

TEST(PageSvg, ColoursAreThoseOfThePage) {
  EXPECT_TRUE(has(svg(), "stroke='var(--ink-engine)'"));
  EXPECT_TRUE(has(svg(), "fill=\"var(--ink-floor)\""));
  EXPECT_FALSE(has(svg(), "rgb("));
  EXPECT_FALSE(has(svg(), "black"));
  EXPECT_FALSE(has(svg(), "font-family"));
}

TEST(PageSvg, TheRootSaysWhatItShowsAndHasNoTitleOfItsOwn) {
  EXPECT_TRUE(
      svg().starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 840 450\" role=\"img\" "
                        "aria-label=\"A &lt;figure&gt;\">"));
  EXPECT_FALSE(has(svg(), "Gnuplot"));
  EXPECT_FALSE(has(svg(), "<desc>"));
  EXPECT_FALSE(has(svg(), "<filter"));
}

TEST(PageSvg, AFileOfItsOwnBringsItsColours) {
  const std::string file = standalone_svg(svg());
  EXPECT_TRUE(has(file, "--ink-engine:#0072b2"));
  EXPECT_TRUE(has(file, "prefers-color-scheme:dark"));
  EXPECT_LT(file.find("<style>"), file.find("<g>"));
}

TEST(PageSvg, WhatIsNoDrawingIsRefused) {
  EXPECT_THROW(inline_svg("", "a", "", {}), std::runtime_error);
  EXPECT_THROW(inline_svg("<svg viewBox=\"0 0 1 1\">", "a", "", {}), std::runtime_error);
}

TEST(PageScript, TextsCannotEndTheirQuotesOrTheirLine) {
  EXPECT_EQ(single_quoted("a'b`c\n\\"), "'a\u2019b\u2019c?\?'");
  EXPECT_EQ(double_quoted("a\"b"), "\"a\u201db\"");
}

TEST(PageScript, LongLabelsGetSmallerAndThenShorter) {
  EXPECT_EQ(fitted("short", 100), "'short' font ',13.0'");
  EXPECT_EQ(fitted(std::string(15, 'x'), 100), "'xxxxxxxxxxxxxxx' font ',12.0'");
  EXPECT_TRUE(fitted(std::string(99, 'x'), 100).starts_with("'" + std::string(17, 'x') + "\u2026'"));
  EXPECT_TRUE(fitted("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", 100).starts_with("'\u00e9"));
  EXPECT_FALSE(has(fitted(std::string(16, 'x') + "\u00e9" + std::string(9, 'x'), 100), "\xc3\u2026"));
}

TEST(PageScript, GnuplotRunsNothingThatAnImplementationIsCalled) {
  if (!has_gnuplot()) GTEST_SKIP() << "no gnuplot";
  const std::string file = std::filesystem::temp_directory_path() / ("vmbsave_page_" + std::to_string(getpid()));
  const std::string name = "`touch " + file + "`'; system('touch " + file + "') #\"@x";
  Curve curve{name, Ink::kEngine, {{1, 1, name}, {2, 4, name}}};
  for (const Width width : {Width::kWide, Width::kNarrow}) {
    const Script script = script_of(Curves{{name, plain_text}, {name, plain_text, true}, {curve}}, width);
    EXPECT_NO_THROW(inline_svg(run_gnuplot(script.text), "a", name, script.hovers));
    const Script bars =
        script_of(Bars{{name, plain_text}, {{name, {{1, Ink::kPeer, name}}, name}}, {{name, Ink::kPink}}}, width);
    EXPECT_NO_THROW(inline_svg(run_gnuplot(bars.text), "a", name, bars.hovers));
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(PageScript, WhatGnuplotComplainsOfIsOneLine) {
  if (!has_gnuplot()) GTEST_SKIP() << "no gnuplot";
  try {
    (void)run_gnuplot("set terminal svg\nnonsense\n");
    FAIL() << "no complaint";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_TRUE(has(text, "gnuplot: ")) << text;
    EXPECT_TRUE(has(text, "invalid command")) << text;
    EXPECT_FALSE(has(text, "\n")) << text;
  }
}

TEST(PageHtml, TextIsEscapedAndWhatIsNoTextReplaced) {
  EXPECT_EQ(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
  EXPECT_EQ(escaped("a\x01z\xff \xc3\xa9\xc3"), "a\uFFFDz\uFFFD \u00e9\uFFFD");
}

TEST(PageAxis, RangesHoldTheDataAndTicsKeepApart) {
  const Axis log{"x", plain_text, true};
  const Range range = range_of(log, {10, 1000});
  EXPECT_LT(range.from, 10);
  EXPECT_GT(range.to, 1000);
  EXPECT_NEAR(place_in(log, {10, 1000}, 100), 0.5, 1e-9);
  EXPECT_EQ(tics_of(log, {10, 1000}, 0.05),
            "('10' 10, '20' 20, '50' 50, '100' 100, '200' 200, '500' 500, '1,000' 1000)");
  EXPECT_EQ(tics_of(log, {10, 1000}, 0.4), "('10' 10, '100' 100, '1,000' 1000)");
  EXPECT_EQ(tics_of(log, {2, 5}, 0.05), "('2' 2, '2.5' 2.5, '3' 3, '3.5' 3.5, '4' 4, '4.5' 4.5, '5' 5)");
  const Axis linear{"x", plain_text};
  EXPECT_EQ(range_of(linear, {5}).from, 0);
  EXPECT_EQ(range_of(log, {}).from > 0, true);
}

TEST(PageAxis, ValuesReadAsPeopleSayThem) {
  EXPECT_EQ(time_text(0), "0");
  EXPECT_EQ(time_text(1266170), "1.27 ms");
  EXPECT_EQ(time_text(2.5e9), "2.5 s");
  EXPECT_EQ(count_text(1048576), "1,048,576");
  EXPECT_EQ(count_text(64), "64");
  EXPECT_EQ(bytes_text(12 << 20), "12 MiB");
  EXPECT_EQ(plain_text(1975.3), "1,975");
}

}  // namespace
