// VSPs that their authors bring, through the programs: replayed, measured, verified and restored; found out where they
// lose something; refused in one line before anything is measured.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "json_schema.hpp"

namespace {

using nlohmann::json;
using vmbsave::tests::Outcome;

std::string side(const std::string& name) { return std::string(VMBSAVE_SIDES) + "/plugin_side_" + name + ".so"; }

Outcome replay(const std::string& vsp, const std::string& arguments) {
  return vmbsave::tests::run(VMBSAVE_TOOL, "replay --vsp '" + vsp + "' --repeat 20 --json " + arguments);
}

void expect_restored(const Outcome& outcome, const std::string& name, unsigned in_use) {
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const json result = json::parse(outcome.out);
  vmbsave::tests::Schema(std::string(VMBSAVE_SCHEMAS) + "/replay.schema.json").expect_matches(result);
  EXPECT_EQ(result.at("vsp"), name);
  EXPECT_EQ(result.at("verified"), true);
  EXPECT_EQ(result.at("restored"), true);
  if (in_use != 0) {
    EXPECT_EQ(result.at("packets_in_use"), in_use);
  }
  EXPECT_GT(result.at("packets_in_use"), 0);
}

// One line, that has these words.
void expect_one_line(const Outcome& outcome, int exit_code, const std::string& words) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  EXPECT_NE(outcome.out.find(words), std::string::npos) << words << " in: " << outcome.out;
}

TEST(PluginReplay, AProfileOnTheTemplate) {
  expect_restored(replay(VMBSAVE_TEMPLATE, "--profile cloudphysics"), "minivsp", 0);
  expect_restored(replay(VMBSAVE_TEMPLATE, "--profile open-cas --threads 2 --plan fused"), "minivsp", 0);
  expect_restored(replay(VMBSAVE_TEMPLATE, "--profile cloudphysics --replicate 3 --one-cut"), "minivsp", 0);
}

// As many packets as storvsp has in use at the same instant.
TEST(PluginReplay, ATraceOnTheTemplate) {
  const char* const folder = std::getenv("VMBSAVE_TRACES");
  const std::filesystem::path traces = folder == nullptr ? "" : folder;
  if (!std::filesystem::exists(traces / "open-cas/sample_trace.tar.xz")) GTEST_SKIP() << "no trace of Open-CAS";
  if (!std::filesystem::exists(traces / "cloudphysics/cloudPhysicsIO.vscsi")) GTEST_SKIP() << "no vSCSI trace";
  const auto trace = [&](const char* name) { return "--trace '" + (traces / name).string() + "'"; };
  expect_restored(replay(VMBSAVE_TEMPLATE, trace("open-cas/sample_trace.tar.xz")), "minivsp", 1098);
  expect_restored(replay(VMBSAVE_TEMPLATE, trace("cloudphysics/cloudPhysicsIO.vscsi") + " --service-time 10ms"),
                  "minivsp", 214);
}

TEST(PluginReplay, WhatMayBeLeftOutMay) {
  expect_restored(replay(side("leaves_all_out"), "--profile cloudphysics"), "minivsp", 0);
  expect_restored(replay(side("no_reference"), "--profile cloudphysics --threads 2"), "minivsp", 0);
}

TEST(PluginReplay, WhatARestoreLosesIsFound) {
  for (const char* name : {"forgets", "forgets_without_reference"}) {
    const Outcome outcome = replay(side(name), "--profile cloudphysics 2>&1 >/dev/null #");
    expect_one_line(outcome, 1, "of its state differs");
  }
}

TEST(PluginReplay, TheTextNamesTheVsp) {
  const Outcome outcome =
      vmbsave::tests::run(VMBSAVE_TOOL, "replay --repeat 1 --profile cloudphysics --vsp " VMBSAVE_TEMPLATE);
  EXPECT_NE(outcome.out.find("\nVSP             minivsp\n"), std::string::npos) << outcome.out;
}

// An exit code 0 would say that everything was verified and restored.
TEST(PluginReplay, AVspThatEndsTheProcessIsNoSuccess) {
  for (const char* name : {"exits", "exits_quickly", "exits_when_loaded"}) {
    for (const char* threads : {"1", "2"}) {
      const Outcome outcome = replay(side(name), std::string("--profile cloudphysics --threads ") + threads);
      expect_one_line(outcome, 2, side(name) + ": the VSP ended the process");
    }
  }
}

constexpr const char* kOverruns = "minivsp's reference_state wrote behind the 16 bytes that are announced";
constexpr const char* kSaysMore = "minivsp's reference_state gave 65536 bytes, at most 16 are announced";

TEST(PluginReplay, AReferenceOfMoreThanWasAnnouncedIsADifference) {
  const std::string profile = "--profile cloudphysics 2>&1 >/dev/null #";
  expect_one_line(replay(side("reference_overruns"), profile), 1, kOverruns);
  expect_one_line(replay(side("reference_says_more"), profile), 1, kSaysMore);
}

TEST(PluginReplay, WhatCannotBeIsSaidInOneLine) {
  expect_one_line(replay("/no/such.so", "--profile cloudphysics"), 2, "/no/such.so: there is no such file");
  expect_one_line(replay(side("engine_hidden"), "--profile cloudphysics"), 2, "a copy of vmbsave's engine");
  expect_one_line(replay(side("defines_a_function"), "--profile cloudphysics"), 2,
                  "defines VmbChannelPacketComplete itself");
  expect_one_line(replay("", "--profile cloudphysics"), 2, "--vsp");
  expect_one_line(replay(VMBSAVE_TEMPLATE, "--profile smb2"), 2, "is none that minivsp can carry");
  expect_one_line(replay(VMBSAVE_TEMPLATE, "--profile smb2 --completion-delay 1ms"), 2, "holds no completion back");
  expect_one_line(replay(side("long_packets"), "--profile cloudphysics"), 1, "maximum packet size of 4096");
  expect_one_line(replay(side("odd_packets"), "--profile cloudphysics"), 1, "a packet of 72 bytes");
}

#ifdef VMBSAVE_BENCH_PROGRAM

class PluginBench : public vmbsave::tests::InAFolder {
 protected:
  Outcome bench(const std::string& vsp, const std::string& arguments) const {
    return vmbsave::tests::run(VMBSAVE_BENCH_PROGRAM,
                               "--vsp='" + vsp + "' --out='" + path("out.json") + "' " + arguments);
  }
  json out() const {
    std::ifstream in(path("out.json"));
    return json::parse(in);
  }
};

TEST_F(PluginBench, EveryRowOfTheSmallestSuiteRunsOnTheTemplate) {
  const Outcome outcome = bench(VMBSAVE_TEMPLATE, "--suite=smoke");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const json result = out();
  vmbsave::tests::Schema(std::string(VMBSAVE_SCHEMAS) + "/bench.schema.json").expect_matches(result);
  std::size_t peers = 0;
  for (const json& row : result.at("rows")) {
    const std::string name = row.at("name");
    EXPECT_EQ(row.at("vsp"), "minivsp") << name;
    EXPECT_NE(name.find("/state:16-16/"), std::string::npos) << name;
    EXPECT_NE(name.find("/vsp:minivsp/"), std::string::npos) << name;
    EXPECT_EQ(row.at("verified"), true) << name;
    EXPECT_EQ(row.at("packets"), 64) << name;
    EXPECT_EQ(row.at("floor"), "contract_floor") << name;
    EXPECT_TRUE(row.at("concurrent_callbacks")) << name;
    if (!row.at("ratio_to_engine").is_null()) ++peers;
  }
  EXPECT_GT(result.at("rows").size(), 20u);
  EXPECT_GT(peers, 8u);
  EXPECT_FALSE(result.at("transfers").empty());
  for (const json& row : result.at("transfers")) EXPECT_TRUE(row.at("error").is_null()) << row.at("error");
  const Outcome table = vmbsave::tests::run(VMBSAVE_TOOL, "table '" + path("out.json") + "'");
  EXPECT_NE(table.out.find("/vsp:minivsp, warm"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("x contract [95 %]"), std::string::npos) << table.out;
}

// What is left out is told before anything is measured, and why.
TEST_F(PluginBench, WhatOnlyBlobHasIsLeftOutByName) {
  const Outcome outcome = bench(VMBSAVE_TEMPLATE, "--suite=full --benchmark_list_tests");
  for (const std::string words : {"minivsp decides how large states are", "minivsp decides how long its callbacks take",
                                  "minivsp allows concurrent callbacks", "it copies states from where blob has them"}) {
    EXPECT_NE(outcome.out.find(words), std::string::npos) << words << " in: " << outcome.out;
  }
}

TEST_F(PluginBench, StatesWithoutAReferenceAreComparedWithWhatTheVspGave) {
  for (const char* name : {"no_reference", "leaves_all_out"}) {
    const Outcome outcome = bench(side(name), "--suite=smoke --benchmark_filter='engine|restore'");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
    for (const json& row : out().at("rows")) EXPECT_EQ(row.at("verified"), true) << row.at("name");
  }
  const Outcome outcome = bench(side("forgets_without_reference"), "--suite=smoke --benchmark_filter=image/restore");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_NE(outcome.out.find("of its state differs"), std::string::npos) << outcome.out;
}

TEST_F(PluginBench, AVspThatEndsTheProcessIsNoSuccess) {
  for (const char* name : {"exits", "exits_quickly", "exits_when_loaded"}) {
    const Outcome outcome = bench(side(name), "--suite=smoke --quiet");
    expect_one_line(outcome, 2, side(name) + ": the VSP ended the process");
    EXPECT_FALSE(std::filesystem::exists(path("out.json")));
  }
}

TEST_F(PluginBench, AHostOfVmsOnTheTemplate) {
  for (const std::string& vsp : {std::string(VMBSAVE_TEMPLATE), side("no_reference")}) {
    const Outcome outcome = bench(vsp, "--suite=host --vms=2 --packets=8 --deadline=30s");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
    const json result = out();
    vmbsave::tests::Schema(std::string(VMBSAVE_SCHEMAS) + "/host.schema.json").expect_matches(result);
    for (const json& row : result.at("rows")) {
      EXPECT_EQ(row.at("vsp"), "minivsp");
      EXPECT_EQ(row.at("packets"), 16);
      EXPECT_GT(row.at("warm").at("images_verified"), 0);
    }
    EXPECT_NE(outcome.out.find("2 VMs of 8 packets of minivsp"), std::string::npos) << outcome.out;
  }
}

// Every read, every image and the whole disk are checked by the scenario itself.
TEST_F(PluginBench, ADiskAtWorkOnTheTemplate) {
  const std::string brief = "--suite=live --disk=16 --channels=2 --depth=16 --rounds=1 --phase=100ms --every=20ms";
  const Outcome outcome = bench(VMBSAVE_TEMPLATE, brief);
  ASSERT_TRUE(outcome.exit_code == 0 || outcome.out.find("io_uring is refused") != std::string::npos) << outcome.out;
  if (outcome.exit_code != 0) GTEST_SKIP() << "io_uring is refused here";
  const json result = out();
  vmbsave::tests::Schema(std::string(VMBSAVE_SCHEMAS) + "/live.schema.json").expect_matches(result);
  const json& row = result.at("rows").at(0);
  EXPECT_EQ(row.at("vsp"), "minivsp");
  EXPECT_GT(row.at("images_checked"), 0);
  EXPECT_GT(row.at("reads_checked"), 0);
  EXPECT_NE(outcome.out.find("2 channels of minivsp"), std::string::npos) << outcome.out;
}

TEST_F(PluginBench, WhatCannotBeIsSaidInOneLineBeforeAnythingIsMeasured) {
  const std::string smoke = "--suite=smoke";
  expect_one_line(bench("/no/such.so", smoke), 2, "/no/such.so: there is no such file");
  expect_one_line(bench(side("engine_hidden"), smoke), 2, "a copy of vmbsave's engine");
  expect_one_line(bench(side("null"), smoke), 2, "NULL");
  expect_one_line(vmbsave::tests::run(VMBSAVE_BENCH_PROGRAM, "--vsp '' --suite=smoke"), 2, "--vsp: expected a value");
  expect_one_line(bench(VMBSAVE_TEMPLATE, "--suite=load"), 2, "packets of its own");
  expect_one_line(bench(side("long_packets"), smoke), 2, "maximum packet size of 4096");
  expect_one_line(bench(side("odd_packets"), smoke), 2, "a packet of 72 bytes");
  expect_one_line(bench(side("reference_overruns"), smoke), 2, kOverruns);
  expect_one_line(bench(side("reference_says_more"), smoke), 2, kSaysMore);
  EXPECT_FALSE(std::filesystem::exists(path("out.json")));
}

#endif

}  // namespace
