// vmbsave report: a page of results, and what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "e2e/report_results.hpp"
#include "json_schema.hpp"

namespace {

using vmbsave::tests::InAFolder;
using vmbsave::tests::Outcome;
using vmbsave::tests::run;
using vmbsave::tests::write;
namespace fs = std::filesystem;

constexpr const char* kIds[] = {
    "implementations", "latency",    "percentiles", "phases",    "threads", "live",    "load", "load-timeline",
    "memory",          "state-size", "roofline",    "transfers", "host",    "replays", "gate", "machine"};
constexpr std::size_t kDrawn = 15;     // of these: the machine has no picture
constexpr std::size_t kPictures = 19;  // live and load have two, a save's time line three

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Of a command, whose words have one each.
std::string without_spans(std::string html) {
  for (const char* const tag : {"<span>", "</span>"}) {
    for (std::size_t at; (at = html.find(tag)) != std::string::npos;) html.erase(at, std::string(tag).size());
  }
  return html;
}

bool has_gnuplot() { return run("gnuplot", "--version >/dev/null").exit_code == 0; }

class Report : public InAFolder {
 protected:
  Outcome report(const std::string& arguments, const std::string& before = "") const {
    return run(before + VMBSAVE_TOOL, "report " + arguments);
  }

  void expect_refused(const std::string& arguments, const std::string& says) const {
    const Outcome outcome = report(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_NE(outcome.out.find(says), std::string::npos) << outcome.out;
    EXPECT_EQ(count(outcome.out, "\n"), 1u) << outcome.out;
  }

  std::string whole_run() const {
    const std::string folder = path("run");
    vmbsave::tests::fill_with_results(folder);
    return folder;
  }

  std::string html() const { return text_of(path("report.html")); }
};

TEST_F(Report, AWholeRunHasEveryFigureDrawnAndNothingIsMissing) {
  if (!has_gnuplot()) GTEST_SKIP() << "no gnuplot";
  const Outcome outcome = report(whole_run() + " -o " + path("report.html"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_EQ(outcome.out, "");
  for (const char* const id : kIds) EXPECT_EQ(count(html(), "<section id=\"" + std::string(id) + "\""), 1u) << id;
  EXPECT_EQ(count(html(), "<svg"), 2 * kPictures);
  EXPECT_EQ(html().find("not-shown"), std::string::npos);
}

TEST_F(Report, SaysWhatItWroteAsJson) {
  const Outcome outcome = report(whole_run() + " --json -o " + path("report.html"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const auto said = nlohmann::json::parse(outcome.out);
  vmbsave::tests::Schema(VMBSAVE_SCHEMAS "/report.schema.json").expect_matches(said);
  EXPECT_EQ(said.at("page"), path("report.html"));
  EXPECT_EQ(said.at("runs").size(), 1u);
  EXPECT_EQ(said.at("figures").size() + said.at("left_out").size(), has_gnuplot() ? kPictures : kDrawn);
  expect_refused(path("run") + " --json -o -", "the page goes to standard output; give --out a file");
}

TEST_F(Report, NeedsNoScriptAndNoNetwork) {
  ASSERT_EQ(report(whole_run() + " -o " + path("report.html")).exit_code, 0);
  const std::string page = html();
  for (const char* const part : {"<script", "onmouse", "onclick", "@import", "url(", "<iframe", "<img", "src="}) {
    EXPECT_EQ(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(count(page, "http"), count(page, "http://www.w3.org/2000/svg") + count(page, "http-equiv"));
}

TEST_F(Report, NoIdIsThereTwice) {
  const std::string folder = VMBSAVE_RECORDED;
  ASSERT_EQ(report(folder + " " + folder + " -o " + path("report.html")).exit_code, 0);
  const std::string page = html();
  std::set<std::string> ids;
  for (std::size_t at = page.find(" id="); at != std::string::npos; at = page.find(" id=", at + 1)) {
    const std::string id = page.substr(at + 5, page.find(page[at + 4], at + 5) - at - 5);
    EXPECT_TRUE(ids.insert(id).second) << id;
  }
  EXPECT_GT(ids.size(), 2 * std::size(kIds));
}

TEST_F(Report, EachFigureIsAFileOfItsOwnToo) {
  if (!has_gnuplot()) GTEST_SKIP() << "no gnuplot";
  const Outcome outcome = report(whole_run() + " -o " + path("report.html") + " --figures " + path("figures"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  std::size_t files = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(path("figures"))) {
    const std::string svg = text_of(file);
    EXPECT_TRUE(svg.starts_with("<svg xmlns=")) << file;
    EXPECT_NE(svg.find("--ink-engine:"), std::string::npos) << file;
    ++files;
  }
  EXPECT_EQ(files, kPictures);
  EXPECT_TRUE(fs::exists(path("figures/latency.svg")));
}

TEST_F(Report, TheFigureOfLatencyHasTheFloorTheProtocolAndEveryPeer) {
  if (!has_gnuplot()) GTEST_SKIP() << "no gnuplot";
  const std::string run = std::string(VMBSAVE_RESULTS) + "/20261130T142145Z-amd-epyc-2cpu-b094c77";
  ASSERT_EQ(report(run + " -o " + path("report.html") + " --figures " + path("figures")).exit_code, 0);
  const std::string svg = text_of(path("figures/latency.svg"));
  for (const char* const series :
       {"engine exact", "engine fused", "copy floor", "documented (beside", "mutex_list", "flatbuffers", "qemu_shape",
        "openvmm_shape", "pmr_monotonic", "malloc_per_packet", "mimalloc_per_packet", "tbb_scalable"}) {
    EXPECT_NE(svg.find("<title>" + std::string(series)), std::string::npos) << series;
  }
}

TEST_F(Report, WithoutGnuplotFiguresAreLeftOutByNameAndTheTablesStay) {
  const Outcome outcome = report(whole_run() + " -o " + path("report.html"), "PATH=/nowhere ");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("15 figures are left out: gnuplot is not installed"), std::string::npos) << outcome.out;
  EXPECT_EQ(count(outcome.out, "\n"), 1u);
  EXPECT_EQ(html().find("<svg"), std::string::npos);
  EXPECT_NE(html().find("“Save time against packets in use” is left out: gnuplot is not installed"), std::string::npos);
  EXPECT_GT(count(html(), "<table"), std::size(kIds));
}

TEST_F(Report, WhatARunDoesNotHoldIsListedWithItsCommand) {
  write(path("load.json"), vmbsave::tests::load_result());
  ASSERT_EQ(report(path("load.json") + " -o " + path("report.html")).exit_code, 0);
  const std::string page = html();
  const std::string missing = without_spans(page.substr(page.find("id=\"not-shown\"")));
  EXPECT_NE(missing.find("<li>Many VMs on one host: <code>vmbsave bench --suite=host --out=host.json</code></li>"),
            std::string::npos);
  EXPECT_EQ(missing.find("What a VSP sees"), std::string::npos);
  EXPECT_EQ(count(page, "<section id=\"load\""), 1u);
}

TEST_F(Report, TheCommandOfAReplayIsTheOneThatMadeIt) {
  const std::string command =
      "replay --profile cloudphysics --service-time 5ms --replicate 2 --shift 3us --channels 4 --threads 2 "
      "--plan exact --repeat 20 --json >";
  ASSERT_EQ(run(VMBSAVE_TOOL, command + "'" + path("two vms.json") + "'").exit_code, 0);
  ASSERT_EQ(report("'" + path("two vms.json") + "' -o " + path("report.html")).exit_code, 0);
  EXPECT_NE(without_spans(html()).find(
                "Its data come from <code>vmbsave replay --profile cloudphysics --service-time 5ms --replicate 2 "
                "--shift 3us --channels 4 --threads 2 --plan exact --repeat 20 --json &gt;'two vms.json'</code>"),
            std::string::npos)
      << without_spans(html());
}

TEST_F(Report, ASavesTimeLineHasItsStretchesAndIsReadInASentence) {
  write(path("load.json"), vmbsave::tests::load_result());
  ASSERT_EQ(report(path("load.json") + " -o " + path("report.html")).exit_code, 0);
  const std::string page = html();
  EXPECT_NE(page.find("In the group pinned/open the guest sees a completion after 13 us at the median while the engine "
                      "saves, after 70 ns before the save and 72 ns behind it;"),
            std::string::npos);
  EXPECT_NE(page.find("With drain_then_save completions go on as before (75 ns), but no new packet comes in until the "
                      "last one is completed, which takes 110 us."),
            std::string::npos);
  EXPECT_NE(page.find("<th scope=\"row\">−10 us</th><td>3,000</td><td>71 ns</td><td>710 ns</td>"), std::string::npos);
  EXPECT_NE(page.find("<th scope=\"row\">10 us</th><td>3,000</td><td>-</td><td>-</td>"), std::string::npos);
  if (!has_gnuplot()) return;
  EXPECT_NE(page.find("<title>engine, median, 5 us: 13 us</title>"), std::string::npos);
  EXPECT_NE(page.find("<title>drain_then_save, median, −15 us: 70 ns</title>"), std::string::npos);
  EXPECT_NE(page.find("<title>drain_then_save, p99</title>"), std::string::npos);
  EXPECT_EQ(page.find("median, 15 us:"), std::string::npos) << "a bin without a percentile";
  EXPECT_EQ(page.find(": nan"), std::string::npos);
}

TEST_F(Report, ALoadWithoutATimeLineIsDrawnWithoutIt) {
  auto result = nlohmann::json::parse(vmbsave::tests::load_result());
  result.at("rows").at(0).erase("timeline");
  result.at("rows").at(1)["timeline"] = nullptr;
  write(path("load.json"), result.dump());
  ASSERT_EQ(report(path("load.json") + " -o " + path("report.html")).exit_code, 0);
  EXPECT_EQ(count(html(), "<section id=\"load\""), 1u);
  EXPECT_EQ(count(html(), "<section id=\"load-timeline\""), 0u);
}

TEST_F(Report, WhatAFileSaysCannotBecomePartOfThePage) {
  std::string text = vmbsave::tests::load_result();
  const std::string hostile = "<script>alert(1)</script>`touch " + path("made") + "`' && \\u0007";
  for (std::size_t at; (at = text.find("drain_then_save")) != std::string::npos;) text.replace(at, 15, hostile);
  write(path("load.json"), text);
  const Outcome outcome = report(path("load.json") + " -o " + path("report.html"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_EQ(html().find("<script"), std::string::npos);
  EXPECT_NE(html().find("&lt;script&gt;alert(1)&lt;/script&gt;"), std::string::npos);
  EXPECT_EQ(html().find('\a'), std::string::npos);
  EXPECT_FALSE(fs::exists(path("made")));
}

TEST_F(Report, GoesToStandardOutputToo) {
  write(path("gate.json"), vmbsave::tests::gate_result());
  const Outcome outcome = report(path("gate.json") + " -o - 2>/dev/null");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.out.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(outcome.out.ends_with("</html>\n"));
}

TEST_F(Report, OnStandardOutputHasFiguresToo) {
  write(path("gate.json"), vmbsave::tests::gate_result());
  EXPECT_EQ(report(path("gate.json") + " -o - --figures " + path("figures") + " >/dev/null", "cd /proc; ").exit_code,
            0);
}

TEST_F(Report, AFailureOfTheGateIsToldWithItsInterval) {
  write(path("gate.json"), vmbsave::tests::gate_result());
  ASSERT_EQ(report(path("gate.json") + " -o " + path("report.html")).exit_code, 0);
  EXPECT_NE(html().find("FAIL: 1 of 2 cases is slower"), std::string::npos);
  EXPECT_NE(html().find("<td>1.080 [1.050, 1.110]</td>"), std::string::npos);
}

TEST_F(Report, UnusableInputIsOneLineAndLeavesThePageThatIsThere) {
  write(path("report.html"), "as it was");
  const std::string to = " -o " + path("report.html");
  fs::create_directory(path("empty"));
  write(path("damaged.json"), R"({"schema":"vmbsave-bench-1","rows":[)");
  write(path("other.json"), R"({"schema":"another-1"})");
  write(path("hollow.json"), R"({"schema":"vmbsave-gate-1","against":[{}]})");
  write(path("list.json"), "[1]");
  expect_refused(path("nothing") + to, "there is no such file or folder");
  expect_refused(path("empty") + to, "expected a folder of a run, with *.json or *.json.xz in it");
  expect_refused(path("damaged.json") + to, "expected JSON");
  expect_refused(path("other.json") + to, "its schema is another-1; expected one of vmbsave-bench-1");
  expect_refused(path("list.json") + to, "expected a result of vmbsave, JSON with a schema");
  expect_refused(path("hollow.json") + to, "a result of vmbsave, but damaged");
  EXPECT_EQ(html(), "as it was");
}

TEST_F(Report, UnusableOutputIsOneLineAndLeavesTheResults) {
  const std::string result = path("gate.json");
  write(result, vmbsave::tests::gate_result());
  expect_refused(result + " -o " + result, "would write over");
  EXPECT_EQ(text_of(result), vmbsave::tests::gate_result());
  expect_refused(result + " -o " + folder_.string(), "is a folder");
  expect_refused(result + " -o " + path("no/such/report.html"), "cannot write");
  expect_refused(result, "--out is required");
}

TEST_F(Report, WhatDoesNotBelongTogetherIsSaid) {
  vmbsave::tests::fill_with_results(path("run"));
  ASSERT_EQ(report(path("run") + " -o " + path("report.html")).exit_code, 0);
  EXPECT_NE(html().find("Made on another machine: A, 2 CPUs, hypervisor none seen: gate.json, load.json."),
            std::string::npos);
}

}  // namespace
