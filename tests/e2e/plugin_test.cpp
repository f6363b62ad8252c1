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
    const Outcome outcome = replay(side(name), "--profile cloudphysics 3>&1 >/dev/null");
    expect_one_line(outcome, 1, "of its state differs");
  }
}

TEST(PluginReplay, TheTextNamesTheVsp) {
  const Outcome outcome =
      vmbsave::tests::run(VMBSAVE_TOOL, "replay --repeat 1 --profile cloudphysics --vsp " VMBSAVE_TEMPLATE);
  EXPECT_NE(outcome.out.find("\nVSP             minivsp\n"), std::string::npos) << outcome.out;
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

}  // namespace
