// vmbsave compare, on recorded runs and on files that are none.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "json_schema.hpp"

namespace vmbsave::tests {
namespace {

using Json = nlohmann::json;

class CompareTool : public InAFolder {
 protected:
  static Outcome compare(const std::string& arguments) {
    return run(std::string("timeout 60 ") + VMBSAVE_TOOL, "compare " + arguments + " </dev/null");
  }

  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
    return path(name) + " ";
  }

  // A run of few saves, as a replay leaves it.
  Json replay() const {
    const Outcome outcome =
        run(std::string("timeout 60 ") + VMBSAVE_TOOL, "replay --profile cloudphysics --repeat 40 --json");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
    return Json::parse(outcome.out);
  }

  static void expect_refused(const std::string& arguments, const std::string& words) {
    const Outcome outcome = compare(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments << "\n" << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << arguments << "\n" << outcome.out;
    EXPECT_NE(outcome.out.find(words), std::string::npos) << arguments << "\n" << outcome.out;
  }

  const std::string results_ = std::string(VMBSAVE_RESULTS) + "/";
};

TEST_F(CompareTool, ARecordedRunWithItself) {
  const std::string name = results_ + "20261128T183702Z-amd-epyc-2cpu-ae3a68d ";
  const Outcome text = compare(name + name);
  EXPECT_EQ(text.exit_code, 0) << text.out;
  EXPECT_NE(text.out.find(": 0 faster, 0 slower, "), std::string::npos) << text.out;
  EXPECT_EQ(text.out.find('\033'), std::string::npos) << "no terminal, no colour";
  const Outcome outcome = compare(name + name + "--json --checkout /");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const Json json = Json::parse(outcome.out);
  Schema(VMBSAVE_SCHEMAS "/compare.schema.json").expect_matches(json);
  EXPECT_TRUE(json.at("a").at("engine_commits_since").is_null());
  EXPECT_TRUE(json.at("only_in_a").empty());
  for (const Json& row : json.at("rows")) EXPECT_EQ(row.at("time_ratio").at("p50"), 1.0) << row.at("name");
}

TEST_F(CompareTool, RecordedRunsOfDifferentMachines) {
  const std::string both =
      results_ + "20261128T215642Z-amd-epyc-2cpu-371e280 " + results_ + "20261129T025430Z-amd-epyc-2cpu-c0a1ad4 ";
  expect_refused(both, "runs of different machines: hypervisor is ");
  const Outcome across = compare(both + "--across-machines --only engine/fused");
  EXPECT_EQ(across.exit_code, 0) << across.out;
  EXPECT_NE(across.out.find("engine/fused/threads:2"), std::string::npos) << across.out;
  EXPECT_EQ(across.out.find("mutex_list"), std::string::npos) << across.out;
}

TEST_F(CompareTool, FilesOfReplays) {
  Json slower = replay();
  const std::string a = file("a.json", slower.dump());
  for (auto& [key, ns] : slower["save_ns"].items()) {
    if (!ns.is_null()) ns = ns.get<std::uint64_t>() * 2;
  }
  slower["image_bytes"] = 1;
  const Outcome outcome = compare(a + file("b.json", slower.dump()));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("2.000 ["), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("nothing was measured beside it, nor a plain copy in both runs"), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("image_bytes: "), std::string::npos) << outcome.out;
}

TEST_F(CompareTool, WhatIsNoRun) {
  const std::string good = file("good.json", replay().dump());
  std::filesystem::create_directory(folder_ / "empty");
  expect_refused(good, "B is required; see vmbsave compare --help");
  expect_refused("'' " + good, ": expected a value; see vmbsave compare --help");
  expect_refused(good + path("none.json"), "none.json");
  expect_refused(good + path("empty"), "empty: expected a folder of a run");
  expect_refused(good + file("words.json", "words"), "words.json: expected JSON");
  expect_refused(good + file("list.json", "[]"), "list.json: expected a result of vmbsave, JSON with a schema");
  expect_refused(good + file("other.json", R"({"schema": "other"})"), "other.json: no result with rows to compare");
  expect_refused(good + file("less.json", R"({"schema": "vmbsave-replay-1"})"),
                 "less.json: no result of vmbsave, or damaged");
  expect_refused(good + good + "--only '['", "'[' is not a regular expression");
  expect_refused(good + good + "--only nowhere", "no row that --only finds");
}

TEST_F(CompareTool, IsNeverWrittenOverAResult) {
  const std::filesystem::path run = folder_ / "run";
  std::filesystem::copy(results_ + "20261128T183702Z-amd-epyc-2cpu-ae3a68d", run,
                        std::filesystem::copy_options::recursive);
  std::filesystem::create_hard_link(run / "bench.json.xz", folder_ / "linked");
  const std::string both = run.string() + " " + results_ + "20261128T215642Z-amd-epyc-2cpu-371e280 --quiet -o ";
  expect_refused(both + (run / "bench.json.xz").string(), "would write over");
  expect_refused(both + path("linked"), "would write over");
  EXPECT_EQ(compare(both + path("new.json")).exit_code, 0);
}

TEST_F(CompareTool, WhatIsOfAnotherKindIsNamedInOurWords) {
  Json broken = replay();
  const std::string good = file("good.json", broken.dump());
  broken["build"] = Json::array({1, 2});
  const Outcome outcome = compare(good + file("build.json", broken.dump()));
  EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
  EXPECT_EQ(outcome.out.find("json.exception"), std::string::npos) << outcome.out;
}

TEST_F(CompareTool, HelpHasExamples) {
  const Outcome help = compare("--help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("vmbsave compare before.json after.json"), std::string::npos);
}

}  // namespace
}  // namespace vmbsave::tests
