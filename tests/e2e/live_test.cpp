// The suite `live` as people use it, at its smallest: flags, exit codes, the JSON, and nothing left behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "json_schema.hpp"
#include "unit/io_fixture.hpp"

namespace vmbsave::tests {
namespace {

constexpr const char* kSmallest =
    "--suite=live --disk=4 --channels=2 --depth=8 --phase=20ms --every=4ms --rounds=2 --out=live.json ";

class LiveBench : public InAFolder {
 protected:
  Outcome bench(const std::string& arguments) const {
    return run("cd '" + folder_.string() + "'; timeout 120 " VMBSAVE_BENCH_PROGRAM, arguments);
  }
  Outcome live(const std::string& arguments) const { return bench(kSmallest + arguments); }
  nlohmann::json measured() const {
    std::ifstream in(folder_ / "live.json");
    return nlohmann::json::parse(in);
  }
  bool is_empty() const { return std::filesystem::is_empty(folder_); }

  // One line with these words, code 2, and no file.
  void expect_refused(const std::string& arguments, const std::string& words) const {
    const Outcome outcome = bench("--suite=live --out=live.json " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
    EXPECT_NE(outcome.out.find(words), std::string::npos) << outcome.out;
    EXPECT_TRUE(is_empty()) << arguments;
  }
};

TEST_F(LiveBench, MeasuresAndChecksWhileSavesRun) {
  if (const std::string why = test::why_no_ring(); !why.empty()) GTEST_SKIP() << why;
  const Outcome outcome = live("--folder=.");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const nlohmann::json json = measured();
  Schema(VMBSAVE_SCHEMAS "/live.schema.json").expect_matches(json);
  ASSERT_EQ(json.at("rows").size(), 1u);
  const nlohmann::json& row = json.at("rows").at(0);
  EXPECT_TRUE(row.at("error").is_null() && row.at("skipped").is_null());
  EXPECT_EQ(row.at("disk").at("bytes"), 4 << 20);
  EXPECT_EQ(row.at("sent"), row.at("completed"));
  EXPECT_EQ(row.at("sent"), row.at("reads_checked").get<std::uint64_t>() + row.at("writes").get<std::uint64_t>());
  EXPECT_GT(row.at("reads_checked"), 0);
  EXPECT_EQ(row.at("blocks_checked"), 1024);
  EXPECT_GE(row.at("saves").at("count"), 2);
  EXPECT_EQ(row.at("images_checked"), row.at("saves").at("count"));
  EXPECT_EQ(row.at("rounds").size(), 2u);
  const Outcome table = run("cd '" + folder_.string() + "'; " VMBSAVE_TOOL, "table live.json");
  EXPECT_EQ(table.exit_code, 0) << table.out;
  EXPECT_NE(outcome.out.find(table.out), std::string::npos) << "the run ends with its table";
  std::filesystem::remove(folder_ / "live.json");
  EXPECT_TRUE(is_empty());
}

TEST_F(LiveBench, ListsWithoutADisk) {
  const Outcome outcome = live("--benchmark_list_tests --folder=/nowhere");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("live/channels:2/depth:8/"), std::string::npos) << outcome.out;
  EXPECT_TRUE(is_empty());
}

TEST_F(LiveBench, AFilterThatMatchesNothingIsAFailure) {
  const Outcome outcome = live("--benchmark_filter=nothing --folder=.");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_NE(outcome.out.find("nothing was measured"), std::string::npos) << outcome.out;
  EXPECT_TRUE(is_empty());
}

TEST_F(LiveBench, AFolderThatCannotHaveTheDiskIsRefused) {
  expect_refused("--folder=/nowhere", "cannot make a disk in /nowhere: No such file or directory");
  expect_refused("--folder=/proc", "; name another folder with --folder");
  expect_refused("--folder ''", "--folder: expected a value");
  expect_refused("--folder=. --disk=1073741824", "too little room in .: a disk needs 1099511627776 KiB, ");
  const Outcome limited = run("cd '" + folder_.string() + "'; ulimit -f 1024; " VMBSAVE_BENCH_PROGRAM,
                              std::string(kSmallest) + "--folder=.");
  EXPECT_EQ(limited.exit_code, 2) << limited.out;
  EXPECT_NE(limited.out.find("File too large"), std::string::npos) << limited.out;
  EXPECT_TRUE(is_empty());
}

TEST_F(LiveBench, FlagsThatMakeNoSenseAreRefused) {
  expect_refused("--flog", "--flog");
  expect_refused("--every=5", "--every: '5' is not a time");
  expect_refused("--phase=1us", "--phase: expected from 1ms to 60min, found '1us'");
  expect_refused("--rounds=0", "--rounds");
  expect_refused("--reads=101", "--reads");
  expect_refused("--channels=1024 --depth=4096", "expected at most 16384");
  expect_refused("--disk=8 --depth=4096", "--disk: expected at least 256 MiB for 16384 requests under way");
  const Outcome other = bench("--suite=quick --disk=8");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_EQ(other.out, "vmbsave-bench: --disk is of --suite=live alone; see vmbsave-bench --help\n");
}

TEST_F(LiveBench, WithoutIoUringTheRowIsSkippedByName) {
  EXPECT_IN_CHILD([&] {
    if (!test::refuse({SYS_io_uring_setup, EPERM})) return false;
    const Outcome outcome = live("--folder=.");
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_NE(outcome.out.find("failed: live/channels:2/depth:8: skipped: io_uring is refused here"), std::string::npos)
        << outcome.out;
    const nlohmann::json json = measured();
    Schema(VMBSAVE_SCHEMAS "/live.schema.json").expect_matches(json);
    EXPECT_FALSE(json.at("rows").at(0).at("skipped").is_null());
    EXPECT_EQ(json.at("rows").at(0).at("completed"), 0);
    return true;
  });
}

TEST_F(LiveBench, ARingThatTakesNothingEndsTheRow) {
  if (const std::string why = test::why_no_ring(); !why.empty()) GTEST_SKIP() << why;
  EXPECT_IN_CHILD([&] {
    if (!test::refuse({SYS_io_uring_enter, EPERM})) return false;
    const Outcome outcome = live("--folder=.");
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_NE(outcome.out.find("io_uring_submit: Operation not permitted"), std::string::npos) << outcome.out;
    return true;
  });
}

}  // namespace
}  // namespace vmbsave::tests
