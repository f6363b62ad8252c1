// Where vmbsave-bench writes: what it must not touch, and what is written by two at once.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"

namespace vmbsave::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOneRow = "--suite=smoke --benchmark_filter=c_face.*threads:1/iter ";

class BenchFiles : public InAFolder {
 protected:
  std::string text_of(const fs::path& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }

  // In the folder.
  Outcome bench(const std::string& arguments) const {
    return run("cd '" + folder_.string() + "'; timeout 60 " VMBSAVE_BENCH_PROGRAM, arguments);
  }

  static long lines_of(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }
};

TEST_F(BenchFiles, ClosedStreamsDoNotBecomeAFile) {
  const std::string arguments = std::string(kOneRow) + "--benchmark_out=out.json ";
  EXPECT_EQ(bench(arguments + ">&-; exit $?").exit_code, 2);
  EXPECT_EQ(nlohmann::json::parse(text_of("out.json")).at("benchmarks").size(), 1u);
  EXPECT_EQ(bench("--out=ours.json " + arguments + "2>&- <&-; exit $?").exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(text_of("out.json")).at("benchmarks").size(), 1u);
  EXPECT_EQ(nlohmann::json::parse(text_of("ours.json")).at("rows").size(), 1u);
  EXPECT_EQ(bench("--benchmark_list_tests >&-; exit $?").exit_code, 2);
}

TEST_F(BenchFiles, OneFileHasOneContent) {
  std::ofstream(folder_ / "there.json") << "old";
  fs::create_symlink("there.json", folder_ / "soft.json");
  fs::create_directory_symlink(".", folder_ / "here");
  const char* const pairs[][2] = {
      {"same.json", "./same.json"}, {"same.json", "here/same.json"}, {"there.json", "soft.json"}};
  for (const auto& [out, google_out] : pairs) {
    const Outcome outcome = bench(kOneRow + std::string("--out=") + out + " --benchmark_out=" + google_out);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_EQ(lines_of(outcome.out), 1) << outcome.out;
    EXPECT_NE(outcome.out.find("--out and --benchmark_out name the same file"), std::string::npos) << outcome.out;
  }
  EXPECT_EQ(text_of("there.json"), "old");
  EXPECT_EQ(bench(kOneRow + std::string("--out=one.json --benchmark_out=two.json")).exit_code, 0);
}

TEST_F(BenchFiles, WhatIsNoRegularFileIsRefusedAtOnce) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  for (const char* const name : {"fifo", "/dev/full", "."}) {
    const Outcome outcome = bench(kOneRow + std::string("--benchmark_out=") + name);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_EQ(lines_of(outcome.out), 1) << outcome.out;
  }
  const Outcome empty = bench("--out ''");
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_EQ(empty.out, "vmbsave-bench: --out: expected a value; see vmbsave-bench --help\n");
}

TEST_F(BenchFiles, AnOldFileStaysWhereNothingIsMeasured) {
  std::ofstream(folder_ / "old.json") << "old";
  EXPECT_EQ(bench("--suite=smoke --benchmark_filter=nothing --benchmark_out=old.json").exit_code, 1);
  EXPECT_EQ(text_of("old.json"), "old");
  EXPECT_EQ(bench("--suite=smoke --benchmark_list_tests --benchmark_out=old.json").exit_code, 0);
  EXPECT_EQ(text_of("old.json"), "old");
  EXPECT_EQ(run("cd '" + folder_.string() + "'; BENCHMARK_OUT=old.json " VMBSAVE_BENCH_PROGRAM, kOneRow).exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(text_of("old.json")).at("benchmarks").size(), 1u);
}

TEST_F(BenchFiles, NamesThatSteerTheTerminalInOneLine) {
  for (const char* const arguments : {"--out=$'no/a\\nb\\x1b[31m'", "--suite=$'a\\nb\\x1b[31m'"}) {
    const Outcome outcome = run("bash -c \"timeout 60 " VMBSAVE_BENCH_PROGRAM " ", std::string(arguments) + "\"");
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(lines_of(outcome.out), 1) << outcome.out;
    EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
  }
}

TEST_F(BenchFiles, TheContextIsAFileToo) {
  const Outcome outcome = bench("--context --quiet --out=context.json");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(nlohmann::json::parse(std::ifstream(folder_ / "context.json")).contains("machine"));
}

TEST_F(BenchFiles, WhatGoogleBenchmarkWouldMisreadIsRefused) {
  for (const char* const arguments :
       {"--benchmark_filter='('", "--benchmark_repetitions=1e3", "--benchmark_repetitions=2000000"}) {
    const Outcome outcome = bench(std::string("--suite=smoke ") + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  }
  EXPECT_EQ(bench("--help > /dev/full").exit_code, 2);
}

TEST_F(BenchFiles, HelpDescribesEverySuite) {
  const std::string help = bench("--help").out;
  for (const char* const suite : {"smoke", "quick", "bar", "image", "full", "long", "load", "live"}) {
    EXPECT_NE(help.find(std::string(suite) + ": "), std::string::npos) << suite;
  }
}

class Record : public BenchFiles {
 protected:
  Record() {
    EXPECT_EQ(bench(kOneRow + std::string("--out=run.json")).exit_code, 0);
    std::ofstream(folder_ / "README.md") << "\n<!-- results -->\n<!-- end of results -->\n";
    fs::create_directory(folder_ / "results");
  }

  std::string command() const {
    return "cd '" + folder_.string() +
           "'; timeout 60 " VMBSAVE_TOOL " record --allow-changes --results results --readme README.md run.json";
  }
  std::size_t runs() const {
    const auto entries = fs::directory_iterator(folder_ / "results");
    return static_cast<std::size_t>(std::distance(fs::begin(entries), fs::end(entries)));
  }
};

TEST_F(Record, OfManyAtOnceOneWins) {
  for (int round = 0; round < 5; ++round) {
    fs::remove_all(folder_ / "results");
    std::string all = "(" + command() + " >out.0; echo $? >code.0) 2>&1 &";
    constexpr int kMany = 8;
    for (int i = 1; i < kMany; ++i) {
      const std::string number = std::to_string(i);
      all += " (" + command() + " >out." + number + " 2>&1; echo $? >code." + number + ") &";
    }
    ASSERT_EQ(run("cd '" + folder_.string() + "'; " + all + " wait;", "true").exit_code, 0);
    int won = 0;
    for (int i = 0; i < kMany; ++i) {
      const std::string out = text_of("out." + std::to_string(i));
      const bool recorded = text_of("code." + std::to_string(i)) == "0\n";
      won += recorded;
      if (i == 0) continue;
      EXPECT_EQ(lines_of(out), 1) << out;
      if (!recorded) {
        EXPECT_NE(out.find("is there already"), std::string::npos) << out;
      }
    }
    EXPECT_EQ(won, 1);
    EXPECT_EQ(runs(), 1u);
    const std::string where = "cd '" + folder_.string() + "'; " VMBSAVE_TOOL;
    EXPECT_EQ(run(where, "record --check --results results --readme README.md").exit_code, 0);
    EXPECT_EQ(run(where, "table results/*/run.json.xz").out, run(where, "table run.json").out);
  }
}

TEST_F(Record, WithoutItsReadmeARunIsNotKept) {
  std::ofstream(folder_ / "README.md", std::ios::app) << std::string(2 << 20, 'x');
  const Outcome too_large = run("ulimit -f 1024; " + command(), "");  // blocks of a run go in, not those of the README
  EXPECT_EQ(too_large.exit_code, 2);
  EXPECT_EQ(lines_of(too_large.out), 1) << too_large.out;
  EXPECT_NE(too_large.out.find("README.md"), std::string::npos) << too_large.out;
  EXPECT_EQ(runs(), 0u);
  EXPECT_EQ(run(command(), "").exit_code, 0);
}

TEST_F(Record, SaysWhichFileOrThatThereIsNone) {
  std::ofstream(folder_ / "g.json") << "{}";
  const std::string record = "cd '" + folder_.string() + "'; timeout 60 " VMBSAVE_TOOL " record --results results ";
  EXPECT_EQ(run(record + "g.json", "").out.find("vmbsave record: not recorded: g.json: expected JSON"), 0u);
  EXPECT_EQ(run(record, "").out.find("vmbsave record: expected a FILE to keep, or --readme; "), 0u);
}

// Keys and types that no run has.
// A name that was mistyped empties no README, and neither does the JSON of what was recorded.
TEST_F(Record, TheReadmeIsNotLost) {
  ASSERT_EQ(run(command(), "").exit_code, 0);
  const std::string before = text_of("README.md");
  const std::string where = "cd '" + folder_.string() + "'; " VMBSAVE_TOOL;
  EXPECT_EQ(run(where, "record --results reslts --readme README.md").exit_code, 2);
  EXPECT_FALSE(fs::exists(folder_ / "reslts"));
  EXPECT_EQ(run(where, "record --results new --readme README.md none.json").exit_code, 2);
  EXPECT_FALSE(fs::exists(folder_ / "new"));
  for (const char* const page : {"README.md", "results/README.md"}) {
    EXPECT_EQ(run(where, std::string("record --results results --readme README.md -o ") + page).exit_code, 2) << page;
  }
  EXPECT_EQ(text_of("README.md"), before);
}

TEST_F(Record, WhatIsNoRunIsNamed) {
  for (const char* const text : {R"({"schema": "vmbsave-bench-1", "build": {"clean": true}, "rows": 5})",
                                 R"({"schema": "vmbsave-bench-1"})", R"({"schema": "vmbsave-replay-1", "build": 1})"}) {
    std::ofstream(folder_ / "run.json") << text;
    const Outcome outcome = run(command(), "");
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out,
              "vmbsave record: not recorded: run.json: no result of vmbsave, or damaged; see vmbsave record --help\n");
  }
}

}  // namespace
}  // namespace vmbsave::tests
