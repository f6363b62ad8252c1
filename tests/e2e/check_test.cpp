// vmbsave check as people call it: VSPs that crash, never return, or do nothing wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "json_schema.hpp"

namespace {

using nlohmann::json;
using vmbsave::tests::Outcome;

Outcome check(const std::string& arguments, const std::string& fault = "") {
  return vmbsave::tests::run("WRONG_VSP_FAULT=" + fault + " timeout 120 " VMBSAVE_TOOL,
                             "check " + arguments + " </dev/null");
}

// Standard output alone.
Outcome output(const std::string& arguments, const std::string& fault) {
  return vmbsave::tests::run("(WRONG_VSP_FAULT=" + fault + " timeout 120 " VMBSAVE_TOOL,
                             "check " + arguments + " </dev/null 2>/dev/null)");
}

// With few packets, as JSON.
json check_json(const std::string& fault, int exit_code, const std::string& arguments = "") {
  const Outcome outcome = output(VMBSAVE_WRONG_VSP " --packets 32 --threads 2 --json " + arguments, fault);
  EXPECT_EQ(outcome.exit_code, exit_code) << fault << "\n" << outcome.out;
  const json result = json::parse(outcome.out);
  vmbsave::tests::Schema(VMBSAVE_CHECK_SCHEMA).expect_matches(result);
  return result;
}

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

void expect_one_line(const Outcome& outcome, int exit_code, const std::string& words) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  EXPECT_TRUE(has(outcome.out, words)) << words << " in: " << outcome.out;
}

// ---- what is right -----------------------------------------------------------------------------------------------

TEST(Check, FindsNothingOfWhatIsRight) {
  for (const char* const vsp : {"storvsp", "netvsp", "blob", VMBSAVE_TEMPLATE, VMBSAVE_WRONG_VSP}) {
    const Outcome outcome = check(vsp);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
    EXPECT_TRUE(outcome.out.starts_with(std::string(vsp) + ": no findings in 256 packets and ")) << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  }
}

TEST(Check, TheSameSeedAsksForTheSame) {
  const Outcome one = check("storvsp --seed 7 --packets 64 --json");
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_EQ(one.out, check("storvsp --seed 7 --packets 64 --json").out);
  EXPECT_EQ(json::parse(one.out).at("packets"), 64);
}

// ---- what is wrong -----------------------------------------------------------------------------------------------

TEST(Check, TellsWhatAndWhereAndWhatToDo) {
  const Outcome outcome = check(VMBSAVE_WRONG_VSP " --packets 32", "leaves_bytes");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(outcome.out.starts_with(VMBSAVE_WRONG_VSP ": 1 finding in 32 packets and ")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "\nV13 Bytes of the state are not written\n")) << outcome.out;
  EXPECT_TRUE(
      has(outcome.out, "\n  where  SavePacket, second call, attempt 3, channel 1, transaction 6, bytes 20 to 21\n"))
      << outcome.out;
  EXPECT_TRUE(has(outcome.out, "\n  found  2 bytes kept what was there of 29\n")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "\n  cause  ")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "\n  fix    ")) << outcome.out;
}

struct Ended {
  const char* fault;
  const char* number;
  const char* call;
  json attempt;
  json first_byte;
  const char* detail;
};

// Each takes the process down, or does not come back.
TEST(Check, OutlivesTheVsp) {
  const Ended all[] = {{"crashes", "V35", "saving", 1, nullptr, "SIGSEGV (Segmentation fault) at address 0x10"},
                       {"aborts", "V35", "saving", 1, nullptr, "SIGABRT (Aborted)"},
                       {"exits", "V35", "saving", 1, nullptr, "it ended the process with exit code 3"},
                       {"loops", "V36", "sizing", 1, nullptr, "nothing came of it for 2.0 s"},
                       {"overruns_far", "V02", "saving", 1, 8192, "byte 8192 of a SaveBuf of 29 bytes was touched"},
                       {"reads_behind", "V02", "saving", 6, 32, "byte 32 of a SaveBuf of 29 bytes was touched"},
                       {"reads_sizing_buffer", "V01", "sizing", 2, 0, "byte 0 of a SaveBuf of 0 bytes was touched"},
                       {"reads_behind_save_buf", "V29", "restore", 1, 32, "byte 32 of a SaveBuf of 29 bytes"}};
  for (const Ended& ended : all) {
    // Short only for what it is to find: a busy machine takes its time.
    const json result =
        check_json(ended.fault, 1, ended.number == std::string("V36") ? "--timeout 2s" : "--timeout 60s");
    EXPECT_EQ(result.at("finished"), false) << ended.fault;
    EXPECT_EQ(result.at("packets"), nullptr) << ended.fault;
    ASSERT_EQ(result.at("findings").size(), 1u) << result;
    const json& finding = result.at("findings").front();
    EXPECT_EQ(finding.at("number"), ended.number) << ended.fault;
    EXPECT_EQ(finding.at("call"), ended.call) << ended.fault;
    EXPECT_EQ(finding.at("attempt"), ended.attempt) << ended.fault;
    EXPECT_EQ(finding.at("channel"), 1) << ended.fault;
    EXPECT_EQ(finding.at("transaction_id"), 6) << ended.fault;
    EXPECT_EQ(finding.at("outgoing"), false) << ended.fault;
    EXPECT_EQ(finding.at("first_byte"), ended.first_byte) << ended.fault;
    EXPECT_TRUE(has(finding.at("detail"), ended.detail)) << finding;
  }
}

TEST(Check, SaysThatItDidNotComeToItsEnd) {
  const Outcome outcome = check(VMBSAVE_WRONG_VSP " --packets 32", "crashes");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(outcome.out.starts_with(VMBSAVE_WRONG_VSP ": 1 finding; not examined to the end\n")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "\nnot examined: all that follows: the VSP did not come back\n")) << outcome.out;
}

TEST(Check, WhatTheVspPrintsIsNotInTheResult) {
  const Outcome quiet = output(VMBSAVE_WRONG_VSP " --packets 32 --json", "says_something");
  EXPECT_EQ(json::parse(quiet.out).at("vsp"), "wrong");
  const Outcome both = check(VMBSAVE_WRONG_VSP " --packets 32", "says_something");
  EXPECT_TRUE(has(both.out, "it says something")) << both.out;
}

// ---- options -----------------------------------------------------------------------------------------------------

TEST(Check, OnlyWhatIsAskedForCounts) {
  EXPECT_EQ(check_json("leaves_bytes", 1, "--only V13").at("only"), json({"V13"}));
  EXPECT_EQ(check_json("leaves_bytes", 1, "--only v02,v13").at("findings").size(), 1u);
  EXPECT_EQ(check_json("leaves_bytes", 0, "--only V02,V14").at("findings").size(), 0u);
  for (const char* const fault : {"crashes", "reads_behind"}) {
    EXPECT_EQ(check_json(fault, 1, "--only V13").at("findings").size(), 1u) << "what ended it counts";
  }
}

TEST(Check, ABudgetIsKeptOrFound) {
  const json result = check_json("takes_long", 1, "--callback-budget 400us");
  EXPECT_EQ(result.at("findings").front().at("number"), "V33");
  EXPECT_EQ(result.at("findings").front().at("transaction_id"), 6);
  EXPECT_EQ(check_json("takes_long", 0, "--callback-budget 1s").at("findings").size(), 0u);
  EXPECT_EQ(check_json("takes_long", 0).at("findings").size(), 0u);
}

TEST(Check, AProfileHasTimes) {
  const json result = check_json("takes_long", 0, "--times");
  EXPECT_EQ(result.at("slowest").front().at("transaction_id"), 6);
  EXPECT_GE(result.at("slowest").front().at("saving_ns"), 500'000);
  EXPECT_EQ(result.at("sizes").front().at("bytes"), 0);
  EXPECT_EQ(result.at("sizes").front().at("saving"), nullptr);
  EXPECT_FALSE(check_json("takes_long", 0).contains("sizes")) << "only if asked for";
  const Outcome text = check("storvsp --times");
  EXPECT_TRUE(has(text.out, "first call, ns")) << text.out;
  EXPECT_TRUE(has(text.out, "\nslowest packets, each by its shortest calls\n  channel ")) << text.out;
}

class CheckInAFolder : public vmbsave::tests::InAFolder {
 protected:
  std::string junit_of(const std::string& fault, const std::string& arguments = "") const {
    (void)check(VMBSAVE_WRONG_VSP " --packets 32 --timeout 2s --junit " + path("check.xml") + " " + arguments, fault);
    std::ifstream in(path("check.xml"));
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
};

TEST_F(CheckInAFolder, JUnitHasATestCaseACheck) {
  const std::string clean = junit_of("");
  EXPECT_TRUE(has(clean, "tests=\"38\" failures=\"0\" errors=\"0\" skipped=\"0\"")) << clean;
  EXPECT_TRUE(has(clean, "<testcase classname=\"check\" name=\"V13 Bytes of the state are not written\"/>")) << clean;
  const std::string one = junit_of("leaves_bytes");
  EXPECT_TRUE(has(one, "failures=\"1\" errors=\"0\" skipped=\"0\"")) << one;
  EXPECT_TRUE(has(one,
                  "name=\"V13 Bytes of the state are not written\">\n      <failure message=\"SavePacket, second "
                  "call, attempt 3, channel 1, transaction 6, bytes 20 to 21: 2 bytes kept"))
      << one;
  const std::string other = junit_of("leaves_bytes", "--only V14");
  EXPECT_TRUE(has(other, "failures=\"0\" errors=\"0\" skipped=\"37\"")) << other;
  EXPECT_TRUE(has(other, "<skipped message=\"not asked for\"/>")) << other;
  const std::string crashed = junit_of("crashes");
  EXPECT_TRUE(has(crashed, "failures=\"1\" errors=\"0\" skipped=\"37\"")) << crashed;
  EXPECT_TRUE(has(crashed, "<skipped message=\"the VSP did not come back\"/>")) << crashed;
  EXPECT_TRUE(has(crashed, "<system-out>not examined: all that follows")) << crashed;
}

TEST(Check, WhatIsAskedForAndNotExaminedIsNotWell) {
  const json result = check_json("overruns", 2, "--only V24");
  EXPECT_EQ(result.at("findings").size(), 0u);
  EXPECT_EQ(result.at("left_out").size(), 2u);
  const Outcome outcome = check(VMBSAVE_WRONG_VSP " --packets 32 --only V24", "overruns");
  EXPECT_TRUE(has(outcome.out, "vmbsave check: " VMBSAVE_WRONG_VSP ": could not be checked to the end: "))
      << outcome.out;
}

// ---- what cannot be checked --------------------------------------------------------------------------------------

// The files of a command are apart: a VSP is not written over by what is found of it.
TEST_F(CheckInAFolder, WritesOverNeitherTheVspNorItself) {
  const std::string vsp = path("v.so");
  std::filesystem::copy_file(VMBSAVE_TEMPLATE, vsp);
  const std::string tool = "timeout 60 " VMBSAVE_TOOL;
  for (const std::string& arguments :
       {"check " + vsp + " --junit " + vsp, "check " + vsp + " -o " + vsp, "check blob -o " + vsp + " --junit " + vsp,
        "replay --profile cloudphysics --vsp " + vsp + " --image " + vsp,
        "replay --profile cloudphysics --vsp " + vsp + " -o " + vsp,
        "bench --suite=smoke --vsp " + vsp + " --out=" + vsp,
        "bench --suite=smoke --vsp " + vsp + " --benchmark_out=" + vsp}) {
    const Outcome outcome = vmbsave::tests::run(tool, arguments + " --quiet");
    EXPECT_EQ(outcome.exit_code, 2) << arguments << "\n" << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << arguments << "\n" << outcome.out;
  }
  EXPECT_EQ(std::filesystem::file_size(vsp), std::filesystem::file_size(VMBSAVE_TEMPLATE));
}

TEST_F(CheckInAFolder, SaysWhatItCannotCheckInOneLine) {
  std::ofstream(path("no.so")) << "not a shared object";
  expect_one_line(check("vspstor"), 2,
                  "no VSP 'vspstor'; expected storvsp, netvsp, blob, or the path of a shared object");
  expect_one_line(check("''"), 2, "VSP: expected a value");
  expect_one_line(check(""), 2, "VSP is required");
  expect_one_line(check(path("no.so")), 2, "no.so: ");
  expect_one_line(check(folder_.string()), 2, folder_.string() + ": ");
  expect_one_line(check(VMBSAVE_WRONG_VSP, "at_load"), 2, "loading it: SIGABRT (Aborted)");
  expect_one_line(check("storvsp --junit " + path("none/check.xml")), 2, "none");
}

// On a terminal alone, on which the whole text comes out.
TEST(Check, ShowsHowFarItIs) {
  if (std::system("command -v script >/dev/null") != 0) GTEST_SKIP() << "no script, which makes a terminal";
  const auto on_a_terminal = [](const std::string& arguments) {
    return vmbsave::tests::run("TERM=xterm timeout 120 script -qec '" VMBSAVE_TOOL " check storvsp " + arguments + "'",
                               "/dev/null </dev/null");
  };
  const Outcome shown = on_a_terminal("--packets 4096");
  EXPECT_EQ(shown.exit_code, 0) << shown.out;
  EXPECT_TRUE(has(shown.out, "check ")) << shown.out;
  EXPECT_TRUE(has(shown.out, "% [")) << shown.out;
  EXPECT_TRUE(has(shown.out, "\rstorvsp: no findings in 4096 packets")) << shown.out;
  EXPECT_EQ(on_a_terminal("--packets 4096 --quiet").out, "");
}

TEST(Check, TakesAsManyChannelsAsItIsTold) {
  EXPECT_EQ(check_json("leaves_bytes", 1).at("channels"), 2);
  const json eight = check_json("leaves_bytes", 1, "--channels 8");
  EXPECT_EQ(eight.at("channels"), 8);
  EXPECT_EQ(eight.at("findings").at(0).at("channel"), 5) << "record 5 of 8 channels";
  EXPECT_EQ(json::parse(output("storvsp --packets 1 --json", "").out).at("channels"), 1);
  expect_one_line(check("storvsp --packets 3 --channels 4"), 2, "--channels: 4 are more than the 3 packets");
  expect_one_line(check("storvsp --channels 65"), 2, "--channels: expected a whole number from 1 to 64, found '65'");
}

TEST(Check, RefusesOddOptions) {
  for (const char* const number : {"0", "-1", "1048577", "x", "1.5", "''"}) {
    expect_one_line(check(std::string("storvsp --packets ") + number), 2,
                    "--packets: expected a whole number from 1 to 1048576, found '");
  }
  expect_one_line(check("storvsp --threads 65"), 2, "--threads: expected a whole number from 1 to 64, found '65'");
  expect_one_line(check("storvsp --seed -1"), 2, "--seed: expected a whole number from 0 to 18446744073709551615");
  expect_one_line(check("storvsp --callback-budget 0us"), 2, "--callback-budget: no callback takes no time");
  expect_one_line(check("storvsp --callback-budget 50"), 2, "--callback-budget");
  expect_one_line(check("storvsp --timeout 0s"), 2, "--timeout");
  for (const char* const list : {"V00", "V39", "V3", "V03,", "V03;V04", "x"}) {
    expect_one_line(check(std::string("storvsp --only '") + list + "'"), 2,
                    "--only: expected numbers from V01 to V38, separated by commas, found '");
  }
  expect_one_line(check("storvsp --only ''"), 2, "--only: expected a value");
  expect_one_line(check("storvsp extra"), 2, "extra");
  EXPECT_EQ(check("--help").exit_code, 0);
  EXPECT_EQ(check("storvsp > /dev/full").exit_code, 2) << "it was not read";
}

}  // namespace
