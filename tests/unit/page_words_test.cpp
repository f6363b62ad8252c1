// What a page says in words: sentences about small runs, the doctor's warning, the glossary.
#include "report/page/glossary.hpp"
#include "report/page/headline.hpp"
#include "unit/page_figures.hpp"

namespace {

using namespace vmbsave::tests;
using namespace vmbsave::page;

// A run as the suite smoke makes it: two channels, 64 packets.
Json small_run() {
  Json bench = kept("vmbsave-bench-1");
  const std::string usual = "channels:16/packets:64/state:32-272";
  Json rows = Json::array();
  for (const Json& row : bench.at("rows")) {
    if (row.at("point") == usual) rows.push_back(row);
  }
  std::string text = rows.dump();
  for (std::size_t at; (at = text.find("channels:16/")) != std::string::npos;) text.replace(at, 12, "channels:2/");
  bench["rows"] = Json::parse(text);
  for (Json& row : bench["rows"]) row["channels"] = 2;
  return bench;
}

const Figure& figure(const std::string& id) {
  return *std::find_if(figures().begin(), figures().end(), [&](const Figure& of) { return of.id == id; });
}

TEST(PageWords, ARunOfFewChannelsHasItsSaves) {
  const auto run = run_of(small_run());
  EXPECT_TRUE(figure("roofline").of(run)->reading.starts_with("The fastest save: engine "));
  const auto content = figure("implementations").of(run);
  ASSERT_TRUE(content);
  EXPECT_TRUE(content->notes.at(0).starts_with("64 packets on 2 channels, states of 32 to 272 bytes"));
  EXPECT_TRUE(contains(headline_html(run, "/"), "median save time of 64 packets in use"));
}

TEST(PageWords, OfNoRowsNothingIsSaidToHaveBeenCompared) {
  Json bench = kept("vmbsave-bench-1");
  bench["rows"] = Json::array();
  const std::string html = headline_html(run_of(bench), "/");
  EXPECT_FALSE(contains(html, "The image of every row was compared")) << html;
  EXPECT_FALSE(contains(html, "0 rows"));
  EXPECT_TRUE(contains(html, "no saves at scale"));
  EXPECT_TRUE(contains(headline_html(kept_run(), "/"), "The image of every row was compared"));
}

TEST(PageWords, WhatTheDoctorWarnedOfComesFirst) {
  EXPECT_TRUE(contains(headline_html(kept_run(), "/"),
                       "<p class=\"warning\">The doctor warned when bench.json.xz was made: load 1.86 on 2 CPUs; CPU "
                       "pressure 6.5 % of 10 s."));
  Json bench = small_run();
  for (Json& finding : bench["doctor"]["findings"]) {
    if (finding.at("name") == "load" || finding.at("name") == "CPU pressure") finding["level"] = "ok";
  }
  EXPECT_FALSE(contains(headline_html(run_of(bench), "/"), "The doctor warned"))
      << "what a machine always has is no news";
  bench["doctor"]["findings"][0]["level"] = "fail";
  EXPECT_TRUE(contains(headline_html(run_of(bench), "/"), "was made: build type Release."));
}

TEST(PageWords, TheNumberBesideALongestDotSaysWhatItIs) {
  const auto content = replays_figure(kept_run());
  const Bars& bars = bars_of(content->pictures.at(0));
  EXPECT_EQ(bars.legend.size(), 3u);
  EXPECT_EQ(bar_of(bars, "cloudPhysicsIO.vscsi, 10 ms in use, 64 VMs, 2 threads")->text, "349 us, longest 6.77 ms");
  Json replay = kept("vmbsave-replay-1");
  replay["save_ns"]["p99"] = nullptr;
  const auto few = replays_figure(run_of(replay));
  EXPECT_EQ(bars_of(few->pictures.at(0)).legend.size(), 2u);
  EXPECT_FALSE(contains(few->reading + figure("replays").about, "99th"));
}

TEST(PageWords, TheEngineIsComparedWithAPeerInCachesAsWarm) {
  const std::string reading = memory_figure(kept_run())->reading;
  EXPECT_FALSE(contains(reading, "cold")) << reading;
  EXPECT_FALSE(contains(reading, "first_touch")) << reading;
}

TEST(PageWords, TheGlossaryHasTheWordsOfThePageAndPromisesNothing) {
  const std::string of_load = glossary_html("<section id=\"load\">");
  EXPECT_TRUE(contains(of_load, "flat_out"));
  EXPECT_FALSE(contains(of_load, "at_once"));
  EXPECT_FALSE(contains(of_load, "transit_wait"));
  EXPECT_TRUE(contains(glossary_html("<section id=\"r2-phases\">"), "transit_wait"));
  EXPECT_FALSE(contains(of_load, "Nobody"));
  EXPECT_TRUE(contains(of_load, "hardly anything that saves these packets can be faster"));
}

TEST(PageWords, ACommandKeepsItsWordsWhole) {
  EXPECT_EQ(code("vmbsave bench --out=<a>"),
            "<code><span>vmbsave</span> <span>bench</span> <span>--out=&lt;a&gt;</span></code>");
}

}  // namespace
