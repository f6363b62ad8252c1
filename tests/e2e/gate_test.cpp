// vmbsave gate, as its users meet it: two commits of a project of two files, whose build command puts a shared object
// where the gate wants it. No time decides here: what is live asks for instructions, or may be inconclusive.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "gate/entry.h"
#include "json_schema.hpp"

namespace vmbsave::tests {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Gate : public InAFolder {
 protected:
  Gate() {
    shell("git init -q -b main . && git config user.name test && git config user.email test@localhost");
    commit("good", "The first one");
  }

  std::string shell(const std::string& command) {
    const Outcome outcome = run("cd '" + folder_.string() + "' && { " + command + "; }", "");
    EXPECT_EQ(outcome.exit_code, 0) << command << ": " << outcome.out;
    return outcome.out;
  }

  // A commit whose side is that one.
  void commit(const std::string& side, const std::string& message) {
    std::ofstream(folder_ / "side") << side;
    std::ofstream(folder_ / "message") << message;
    shell("git add side && git commit -q --allow-empty -F message");
  }

  Outcome gate(const std::string& arguments, const std::string& before = "") {
    return run("cd '" + folder_.string() + "'; unset VMBSAVE_GATE_BASE; " + before + VMBSAVE_TOOL,
               "gate --cache cache " + arguments);
  }

  // HEAD~1 against HEAD, by what no load can change.
  Outcome counted(const std::string& arguments = "") {
    return gate("--base HEAD~1 --head HEAD --signals instructions --measure-identical --build '" + build_ + "' " +
                arguments);
  }

  // What all three outputs say of a run that is none: no reader of one of them takes it for a pass.
  void expect_unmeasured(int exit_code, const std::string& why) const {
    const fs::path folder = folder_ / "build/gate/report";
    const nlohmann::json json = report();
    Schema(VMBSAVE_GATE_SCHEMA).expect_matches(json);
    EXPECT_TRUE(has(json.at("verdict"), "UNMEASURED: ")) << json.at("verdict");
    EXPECT_EQ(json.at("exit_code"), exit_code);
    EXPECT_TRUE(has(json.at("not_made").dump(), why)) << json.at("not_made");
    EXPECT_TRUE(text_of(folder / "gate.md").starts_with("### UNMEASURED: ")) << text_of(folder / "gate.md");
    EXPECT_TRUE(has(text_of(folder / "gate.xml"), "<error message=")) << text_of(folder / "gate.xml");
  }

  nlohmann::json report() const { return nlohmann::json::parse(text_of(folder_ / "build/gate/report/gate.json")); }

  const std::string build_ = "cp \"" VMBSAVE_GATE_SIDES "/gate_side_$(cat side).so\" \"$VMBS_GATE_OUT\"";
};

TEST_F(Gate, TheSameCodePasses) {
  commit("good", "Words only");
  const Outcome outcome = counted();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "PASS: 2 of 2")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "2 passed, 0 failed, 0 skipped")) << outcome.out;
  const nlohmann::json json = report();
  Schema(VMBSAVE_GATE_SCHEMA).expect_matches(json);
  const nlohmann::json& gate_case = json.at("against").at(0).at("cases").at(0);
  EXPECT_EQ(gate_case.at("instruction_ratio"), 1.0);
  EXPECT_EQ(gate_case.at("head_counts").at("counters").at("image_bytes"), 4096);
  EXPECT_EQ(gate_case.at("head_counts").at("counters").at("allocator_calls"), 0);
  EXPECT_TRUE(fs::exists(folder_ / "build/gate/report/gate.xml"));
  EXPECT_TRUE(has(text_of(folder_ / "build/gate/report/gate.md"), "### PASS: 2 of 2"));
}

TEST_F(Gate, IdenticalBinariesAreNotMeasured) {
  commit("good", "Words only");
  const Outcome outcome = gate("--base HEAD~1 --head HEAD --build '" + build_ + "'");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "identical binaries")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "PASS: head and base are the same code\n")) << outcome.out;
}

TEST_F(Gate, SaysWhatItBeginsUnlessItIsQuiet) {
  commit("good", "Words only");
  const Outcome outcome = counted();
  EXPECT_TRUE(outcome.out.starts_with("building base\nbuilding head\ncounting\nPASS: ")) << outcome.out;
  EXPECT_EQ(counted("--quiet").out, "");
}

TEST_F(Gate, MoreInstructionsAreARegression) {
  commit("slower", "Five percent more work");
  const Outcome outcome = counted();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "FAIL: 2 of 2")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "% instructions")) << outcome.out;
  EXPECT_GT(report().at("against").at(0).at("cases").at(0).at("instruction_ratio").get<double>(), 1.04);
  EXPECT_TRUE(has(text_of(folder_ / "build/gate/report/gate.xml"), "<failure "));
}

TEST_F(Gate, AMessageAcceptsIt) {
  commit("slower", "Five percent more work\n\nGate-Accepts: table/ instructions +6%: it checks more\n");
  const Outcome outcome = counted();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "table/ instructions +6%: it checks more")) << outcome.out;
}

TEST_F(Gate, ALineThatAcceptsNothingIsNamed) {
  commit("slower", "Five percent more work\n\nGate-Accepts: table/ instructions: no percentage\n");
  const Outcome outcome = counted();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "expected 'PATTERN METRIC +PERCENT%: reason'")) << outcome.out;
}

TEST_F(Gate, CountersThatGrowAreRegressions) {
  commit("larger", "A byte more");
  const Outcome larger = counted();
  EXPECT_EQ(larger.exit_code, 1) << larger.out;
  EXPECT_TRUE(has(larger.out, "image_bytes: 4097, was 4096")) << larger.out;
  commit("good", "Back");
  EXPECT_EQ(counted().exit_code, 0);
  commit("allocating", "A call of the allocator");
  const Outcome allocating = counted();
  EXPECT_EQ(allocating.exit_code, 1) << allocating.out;
  EXPECT_TRUE(has(allocating.out, "allocator_calls: 8, was 0")) << allocating.out;
}

TEST_F(Gate, WhatCannotBeMeasuredIsExitTwo) {
  struct Row {
    const char* side;
    const char* says;
  };
  constexpr Row kRows[] = {
      {"crashing", "signal 6"},
      {"other_packets", "do not give the same packets"},
      {"refusing", "table/copy cannot be prepared"},
      {"crashing_at_load", "signal 6"},
      {"versioned", "has version 2 of the entry, expected 1"},
      {"renamed", "head does not have it any more"},
      {"missing", "the build command"},
  };
  for (const Row& row : kRows) {
    commit("good", "Good again");
    commit(row.side, "Not good");
    const Outcome outcome = counted();
    EXPECT_EQ(outcome.exit_code, 2) << row.side << ": " << outcome.out;
    EXPECT_TRUE(has(outcome.out, row.says)) << row.side << ": " << outcome.out;
  }
}

TEST_F(Gate, ACaseThatIsGoneMayBeAccepted) {
  commit("renamed", "Another case\n\nGate-Accepts: table/verify gone: it was renamed\n");
  const Outcome outcome = counted();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "new, so compared with nothing: table/other")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "gone, as ")) << outcome.out;
}

TEST_F(Gate, NothingThatMatchesIsExitTwo) {
  commit("good", "Words only");
  for (const char* const arguments : {"--only nothing", "--suite other"}) {
    const Outcome outcome = counted(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_TRUE(has(outcome.out, "vmbsave gate: ")) << outcome.out;
    const nlohmann::json json = report();
    Schema(VMBSAVE_GATE_SCHEMA).expect_matches(json);
    EXPECT_EQ(json.at("exit_code"), 2) << "no outputs of an earlier run are left";
    expect_unmeasured(2, "");
  }
  EXPECT_EQ(counted("--only copy").exit_code, 0);
}

TEST_F(Gate, WithoutAUsableBaseItSaysWhatToDo) {
  const Outcome no_commit = gate("--base nowhere");
  EXPECT_EQ(no_commit.exit_code, 2);
  EXPECT_TRUE(has(no_commit.out, "vmbsave gate: no commit 'nowhere'")) << no_commit.out;
  const Outcome no_parent = gate("--signals instructions");
  EXPECT_EQ(no_parent.exit_code, 2);
  EXPECT_TRUE(has(no_parent.out, "give --base")) << no_parent.out;
  const Outcome itself = gate("--base HEAD --head HEAD");
  EXPECT_EQ(itself.exit_code, 2);
  EXPECT_TRUE(has(itself.out, "one commit")) << itself.out;
  commit("good", "A second one");
  const Outcome no_entry = gate("--base HEAD~1 --head HEAD");
  EXPECT_EQ(no_entry.exit_code, 2);
  EXPECT_TRUE(has(no_entry.out, "has no bench/gate/entry/entry.cpp: take a newer commit")) << no_entry.out;
  const Outcome nowhere = run("cd /; " VMBSAVE_TOOL, "gate");
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_TRUE(has(nowhere.out, "is not in a git checkout")) << nowhere.out;
}

TEST_F(Gate, AShallowCloneIsToldToFetch) {
  commit("good", "Words only");
  shell("git clone -q --depth 1 \"file://$PWD\" shallow");
  commit("good", "More words");
  shell("git clone -q --depth 2 \"file://$PWD\" deeper");
  for (const char* const clone : {"shallow", "deeper"}) {
    const Outcome outcome = run("cd '" + path(clone) + "'; unset VMBSAVE_GATE_BASE; " VMBSAVE_TOOL,
                                "gate --signals instructions --build '" + build_ + "'");
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_TRUE(has(outcome.out, "no usable base: the clone is shallow; run git fetch --unshallow")) << outcome.out;
  }
}

// $VMBSAVE_GATE_BASE, where HEAD left origin/main, its parent: in this order, and never HEAD itself.
TEST_F(Gate, ChoosesItsBase) {
  commit("slower", "Slower");
  commit("slower", "As slow");
  const std::string arguments = "--head HEAD --signals instructions --measure-identical --build '" + build_ + "'";
  EXPECT_EQ(gate(arguments).exit_code, 0) << "its parent is as slow";
  EXPECT_EQ(gate(arguments, "VMBSAVE_GATE_BASE=HEAD~2 ").exit_code, 1);
  shell("git update-ref refs/remotes/origin/main HEAD~2");
  EXPECT_EQ(gate(arguments).exit_code, 1) << "where it left main, it was faster";
  shell("git update-ref refs/remotes/origin/main HEAD");
  EXPECT_EQ(gate(arguments).exit_code, 0) << "it is main: its parent";
  const Outcome itself = gate(arguments, "VMBSAVE_GATE_BASE=HEAD ");
  EXPECT_EQ(itself.exit_code, 2);
  EXPECT_TRUE(has(itself.out, "is head itself")) << itself.out;
}

TEST_F(Gate, TheAnchorIsAgainstSlowCreep) {
  fs::create_directories(folder_ / "bench/gate");
  const std::string anchor = shell("git rev-parse HEAD");
  std::ofstream(folder_ / "bench/gate/anchor") << anchor;
  commit("slowest", "Ten percent more work");
  commit("slowest", "As much");
  const Outcome outcome = counted();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "anchor: " + anchor.substr(0, 12))) << outcome.out;
  EXPECT_EQ(report().at("against").at(1).at("instructions_fail"), 0.08);
  EXPECT_EQ(counted("--anchor none").exit_code, 0);
  EXPECT_EQ(report().at("against").size(), 1u);
  std::ofstream(folder_ / "side") << "good";
  shell("git commit -qam 'Fast again'");
  commit("slower", "Five percent more than the anchor");
  commit("slower", "As much");
  EXPECT_EQ(counted().exit_code, 0) << "within what the anchor allows";
}

TEST_F(Gate, AnAnchorThatCannotBeComparedWithIsNoPass) {
  fs::create_directories(folder_ / "bench/gate");
  for (const char* const side : {"missing", "versioned", "crashing_at_load"}) {
    commit(side, "Not good");
    std::ofstream(folder_ / "bench/gate/anchor") << shell("git rev-parse HEAD");
    commit("good", "Good");
    commit("good", "As good");
    const Outcome outcome = counted();
    EXPECT_EQ(outcome.exit_code, 2) << side << ": " << outcome.out;
    EXPECT_TRUE(has(outcome.out, "UNMEASURED: not compared with the anchor: ")) << outcome.out;
    EXPECT_TRUE(has(outcome.out, "--anchor none")) << outcome.out;
    expect_unmeasured(2, "--anchor none");
    EXPECT_EQ(counted("--anchor none").exit_code, 0);
  }
}

TEST_F(Gate, TheWorkTreeIsASideToo) {
  std::ofstream(folder_ / "side") << "slower";  // not committed
  const std::string arguments = "--base HEAD --signals instructions --build '" + build_ + "'";
  const Outcome outcome = gate(arguments);
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "head: the work tree on ")) << outcome.out;
}

TEST_F(Gate, KeepsWhatItBuiltOfACommit) {
  commit("good", "Words only");
  const std::string logged = "echo built >> ../../builds; " + build_;
  const std::string arguments = "--base HEAD~1 --head HEAD --signals instructions --build '" + logged + "'";
  EXPECT_EQ(gate(arguments).exit_code, 0);
  EXPECT_EQ(gate(arguments).exit_code, 0);
  std::size_t objects = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "cache")) objects += fs::exists(entry.path() / "side.so");
  EXPECT_EQ(objects, 2u);
  EXPECT_EQ(text_of(folder_ / "cache/builds"), "built\nbuilt\n");
}

// The whole way, by time as well. A machine that is busy may not know; that is no failure here.
TEST_F(Gate, ALivePair) {
  commit("good", "Words only");
  const Outcome outcome =
      gate("--base HEAD~1 --head HEAD --only copy --budget 60s --measure-identical --build '" + build_ + "'");
  ASSERT_NE(outcome.exit_code, 2) << outcome.out;
  const nlohmann::json json = report();
  Schema(VMBSAVE_GATE_SCHEMA).expect_matches(json);
  const nlohmann::json& time = json.at("against").at(0).at("cases").at(0).at("time");
  EXPECT_GE(time.at("processes").size(), 20u);
  EXPECT_EQ(time.at("processes").at(0).at("base_ns").size(), 20u);
  if (outcome.exit_code != 0) GTEST_SKIP() << "this machine can't tell now: " << json.at("verdict");
}

// Both sides in one process, from one file.
TEST_F(Gate, ACommitAgainstItself) {
  const Outcome outcome =
      gate("--base HEAD --head HEAD --only copy --signals instructions --measure-identical --build '" + build_ + "'");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
}

// A run of vmbsave-bench with one row.
nlohmann::json bench_run(const std::vector<int>& samples, int image_bytes = 1000, const std::string& cpu = "one") {
  nlohmann::json row = {{"name", "save/engine"},      {"threads", 1},
                        {"error", nullptr},           {"samples_ns", samples},
                        {"image_bytes", image_bytes}, {"allocator_calls_p50", 0},
                        {"page_faults_p50", nullptr}};
  return {{"schema", "vmbsave-bench-1"},
          {"started_utc", "2026-01-02T03:04:05Z"},
          {"machine", {{"cpu", cpu}, {"cpus_allowed", 2}, {"hypervisor", nullptr}}},
          {"build", {{"commit", "0123456789abcdef"}}},
          {"rows", {row}}};
}

TEST_F(Gate, RecordedRunsAreJudgedAsFarAsTheyCanBe) {
  const auto write = [&](const std::string& name, const nlohmann::json& json) {
    std::ofstream(folder_ / name) << json;
  };
  write("base.json", bench_run({100, 101, 102}));
  write("head.json", bench_run({150, 151, 152}));
  const std::string pair = " --base-json base.json --head-json head.json";
  const Outcome one = gate(pair);
  EXPECT_EQ(one.exit_code, 3) << one.out;
  EXPECT_TRUE(has(one.out, "1.495 [")) << one.out;
  EXPECT_TRUE(has(one.out, "what recorded runs can't tell")) << one.out;
  EXPECT_EQ(gate(pair + " --inconclusive warn").exit_code, 0);
  std::string ten;
  for (int i = 0; i < 19; ++i) ten += pair;
  EXPECT_EQ(gate(ten).exit_code, 3) << "fewer than twenty";
  const Outcome twenty = gate(ten + pair);
  EXPECT_EQ(twenty.exit_code, 1) << twenty.out;
  write("larger.json", bench_run({100, 101, 102}, 1001));
  const Outcome larger = gate("--base-json base.json --head-json larger.json");
  EXPECT_EQ(larger.exit_code, 1) << larger.out;
  EXPECT_TRUE(has(larger.out, "image_bytes: 1001, was 1000")) << larger.out;
  write("elsewhere.json", bench_run({100, 101, 102}, 1000, "two"));
  const Outcome elsewhere = gate("--base-json base.json --head-json elsewhere.json");
  EXPECT_EQ(elsewhere.exit_code, 2);
  EXPECT_TRUE(has(elsewhere.out, "runs of different machines")) << elsewhere.out;
  EXPECT_EQ(gate("--base-json base.json --head-json head.json --base-json base.json").exit_code, 2);
  EXPECT_EQ(gate("--base-json base.json --head-json side").exit_code, 2);
}

// What it started ends with it, and nothing is left behind.
TEST_F(Gate, ASignalEndsItAndWhatItStarted) {
  commit("good", "Words only");
  const Outcome outcome = run("cd '" + folder_.string() + "'; " VMBSAVE_TOOL,
                              "gate --cache cache --base HEAD~1 --head HEAD "
                              "--build 'echo $$ > ../../started; exec sleep 1000' 2>&1 & pid=$!; "
                              "while [ ! -s cache/started ]; do sleep 0.05; done; kill -TERM $pid; wait $pid; "
                              "echo code $?; kill -0 $(cat cache/started) 2>/dev/null || echo ended; "
                              "find cache -name '.vmbsave-gate-*' | wc -l");
  EXPECT_TRUE(has(outcome.out, "interrupted by SIGTERM")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "code 143\nended\n0\n")) << outcome.out;
}

// Also when the base was compared before, and a run before that had passed.
TEST_F(Gate, ASignalLeavesNoReportThatPasses) {
  fs::create_directories(folder_ / "bench/gate");
  commit("slow to build", "Its build does not end");
  const std::string anchor = shell("git rev-parse HEAD");
  commit("good", "Good");
  commit("good", "As good");
  const std::string sides = "--base HEAD~1 --head HEAD --signals instructions --build ";
  EXPECT_EQ(gate(sides + "'" + build_ + "'").exit_code, 0);
  EXPECT_EQ(report().at("exit_code"), 0);
  std::ofstream(folder_ / "bench/gate/anchor") << anchor;
  const Outcome outcome = run("cd '" + folder_.string() + "'; " VMBSAVE_TOOL,
                              "gate --cache other " + sides +
                                  "'[ \"$(cat side)\" = good ] || { echo > ../../started; exec sleep 1000; }; " +
                                  build_ + "' >table 2>&1 & pid=$!; " +
                                  "while [ ! -s other/started ]; do sleep 0.05; done; kill -TERM $pid; wait $pid");
  EXPECT_EQ(outcome.exit_code, 143) << text_of(folder_ / "table");
  expect_unmeasured(143, "interrupted by SIGTERM");
}

// As under nohup: the build is let come to its end, a bad one.
TEST_F(Gate, ASignalThatIsIgnoredStaysIgnored) {
  commit("good", "Words only");
  const Outcome outcome = run("cd '" + folder_.string() + "'; trap '' HUP; " VMBSAVE_TOOL,
                              "gate --cache cache --base HEAD~1 --head HEAD "
                              "--build 'echo $$ > ../../started; sleep 1; exit 3' 2>&1 & pid=$!; "
                              "while [ ! -s cache/started ]; do sleep 0.05; done; kill -HUP $pid; wait $pid; "
                              "echo code $?");
  EXPECT_FALSE(has(outcome.out, "interrupted")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "exit code 3")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "code 2\n")) << outcome.out;
}

TEST_F(Gate, BadOptionsAreOneClearLine) {
  for (const char* const arguments :
       {"--margin 0%", "--margin x", "--margin 60%", "--target 1%", "--budget 0s", "--budget soon", "--signals none",
        "--inconclusive maybe", "--only '('", "--base ''", "--checkout /nowhere", "--nothing", "selftest --fast --long",
        "rules /nowhere", "rules side", "--anchor maybe", "--base-json side", "--cache ''"}) {
    const Outcome outcome = gate(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments << ": " << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << arguments << ": " << outcome.out;
    EXPECT_TRUE(outcome.out.starts_with("vmbsave")) << arguments << ": " << outcome.out;
  }
  EXPECT_EQ(gate("--help").exit_code, 0);
  EXPECT_EQ(gate("selftest --help").exit_code, 0);
}

// Both sides are in one process: what is static in one is not the other's.
TEST(GateSides, ShareNothing) {
  const fs::path folder = fs::temp_directory_path() / ("vmbsave_sides_" + std::to_string(getpid()));
  fs::create_directory(folder);
  fs::copy_file(VMBSAVE_GATE_ENTRY, folder / "other.so");
  const VMBS_GATE_ENTRY* entries[2] = {};
  const VMBS_GATE_CASE_NAME* names[2] = {};
  const fs::path objects[2] = {VMBSAVE_GATE_ENTRY, folder / "other.so"};
  for (int i = 0; i < 2; ++i) {
    void* const handle = dlopen(objects[i].c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle, nullptr) << dlerror();
    const auto get = reinterpret_cast<decltype(&vmbs_gate_entry)>(dlsym(handle, "vmbs_gate_entry"));
    ASSERT_NE(get, nullptr);
    entries[i] = get();
    std::uint32_t count = 0;
    names[i] = entries[i]->cases("ci", &count);
    EXPECT_EQ(count, 22u);
    EXPECT_EQ(dlsym(handle, "VmbChannelSaveBegin"), nullptr) << "nothing else is exported";
  }
  EXPECT_NE(entries[0], entries[1]);
  EXPECT_NE(names[0], names[1]) << "a static of a function, made when it is first called";
  EXPECT_STREQ(names[0][0].name, names[1][0].name);
  fs::remove_all(folder);
  const Outcome symbols = run("readelf -W --dyn-syms", "'" VMBSAVE_GATE_ENTRY "' | grep -v UND | grep -c ' DEFAULT '");
  EXPECT_EQ(symbols.out, "1\n");
  const Outcome unique = run("readelf -W --symbols", "'" VMBSAVE_GATE_ENTRY "' | grep -c UNIQUE");
  EXPECT_EQ(unique.out, "0\n") << "a unique symbol is one for the whole process";
}

}  // namespace
}  // namespace vmbsave::tests
