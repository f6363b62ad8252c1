// The suite `host` of vmbsave-bench: what it prints and writes, and how it fails. Nothing here looks at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "json_schema.hpp"
#include "program.hpp"

namespace {

namespace fs = std::filesystem;
using vmbsave::tests::Outcome;

Outcome host(const std::string& arguments) {
  return vmbsave::tests::run(VMBSAVE_BENCH_PROGRAM, "--suite=host " + arguments);
}

TEST(HostSuiteProgram, MeasuresEveryRowAndTheToolMakesTheTable) {
  const fs::path out = fs::path(testing::TempDir()) / "host_rows.json";
  const Outcome outcome =
      host("--vms=3 --packets=10 --deadline=60s --memory-budget=16GiB --out='" + out.string() + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  std::ifstream in(out);
  const nlohmann::json json = nlohmann::json::parse(in);
  fs::remove(out);
  vmbsave::tests::Schema(VMBSAVE_SCHEMAS "/host.schema.json").expect_matches(json);
  EXPECT_GE(json.at("rows").size(), 2u);
  for (const nlohmann::json& row : json.at("rows")) {
    EXPECT_TRUE(row.at("error").is_null()) << row.at("error");
    EXPECT_EQ(row.at("vms"), 3);
    EXPECT_EQ(row.at("packets"), 30);
    EXPECT_EQ(row.at("channels"), 6) << "a disk and a vNIC each";
    EXPECT_EQ(row.at("memory_budget"), std::uint64_t{16} << 30);
    EXPECT_LE(row.at("resident_bytes"), std::uint64_t{16} << 30);
    for (const char* const part : {"cold", "warm"}) {
      const nlohmann::json& rounds = row.at(part);
      EXPECT_EQ(rounds.at("images_verified"), rounds.at("rounds").get<int>() * 3) << part;
      EXPECT_EQ(rounds.at("over_deadline"), 0) << part;
    }
  }
  std::ofstream(out) << json;
  const Outcome table = vmbsave::tests::run(VMBSAVE_TOOL, "table '" + out.string() + "'");
  fs::remove(out);
  EXPECT_EQ(table.exit_code, 0) << table.out;
  EXPECT_NE(table.out.find("3 VMs of 10 packets: 6 channels, 30 packets in use"), std::string::npos) << table.out;
}

TEST(HostSuiteProgram, ABlackoutBeyondTheDeadlineIsAFailure) {
  const Outcome outcome = host("--vms=2 --packets=4 --deadline=1ns 2>&1");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("blackouts were longer than the deadline of 1e-06 ms"), std::string::npos) << outcome.out;
}

TEST(HostSuiteProgram, MemoryBeyondTheBudgetIsAFailure) {
  const Outcome outcome = host("--vms=2 --packets=4 --memory-budget=1KiB 2>&1");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("1 of 2 VMs take "), std::string::npos) << outcome.out;
}

TEST(HostSuiteProgram, FlagsThatAreOfNoUseAreOneLineAndExitCode2) {
  for (const char* const flags :
       {"--vms=0", "--vms=4097", "--vms=-1", "--packets=0", "--packets=65537", "--deadline=300", "--deadline=0ms",
        "--memory-budget=much", "--memory-budget=0", "--folder=/tmp"}) {
    const Outcome outcome = host(flags);
    EXPECT_EQ(outcome.exit_code, 2) << flags << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << flags << "\n" << outcome.out;
  }
  EXPECT_EQ(vmbsave::tests::run(VMBSAVE_BENCH_PROGRAM, "--suite=smoke --vms=2").exit_code, 2);
}

}  // namespace
