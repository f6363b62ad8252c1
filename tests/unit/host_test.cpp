// The scenario "host" with few virtual machines: its accounts, and what must fail a row. Nothing here looks at how long
// a save takes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "harness/resident_memory.hpp"
#include "json_schema.hpp"
#include "latency/host_suite.hpp"
#include "scenarios/host/host_run.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::bench {
namespace {

constexpr std::uint64_t kHour = 3'600'000'000'000;

HostSpec small(HostOrder order, unsigned threads) {
  return {.vms = 5, .packets = 9, .order = order, .threads = threads, .deadline_ns = kHour, .rounds = 3};
}

class Host : public testing::TestWithParam<std::tuple<HostOrder, unsigned>> {
 protected:
  const HostSpec spec_ = small(std::get<0>(GetParam()), std::get<1>(GetParam()));
  const std::unique_ptr<Executor> executor_ = make_thread_executor(spec_.threads);
  const Workload workload_ = host_workload();
};

TEST_P(Host, SavesEveryVmInEachRoundAndLooksAtEachImage) {
  HostRun run(spec_, *executor_, workload_);
  for (unsigned round = 0; round <= spec_.rounds; ++round) run.round();
  EXPECT_EQ(run.cold().images_verified, 5u);
  EXPECT_EQ(run.cold().total_ns.size(), 1u);
  const HostResult& result = run.result();
  EXPECT_EQ(result.images_verified, 15u);
  EXPECT_EQ(result.blackout_ns.size(), 15u);
  EXPECT_EQ(result.total_ns.size(), 3u);
  EXPECT_EQ(result.packets, 45u);
  EXPECT_EQ(result.channels, 5 * workload_.size());
  EXPECT_EQ(result.over_deadline, 0u);
  EXPECT_GT(result.image_bytes, 0u);
  for (std::size_t round = 0; round < 3; ++round) {
    std::uint64_t sum = 0;
    for (std::size_t vm = 0; vm < 5; ++vm) {
      const std::uint64_t blackout = result.blackout_ns[round * 5 + vm];
      EXPECT_LE(blackout, result.round_blackout_ns[round]);
      sum += blackout;
    }
    EXPECT_LE(result.round_blackout_ns[round], result.total_ns[round]);
    if (spec_.order == HostOrder::kInTurn) {
      EXPECT_LE(sum, result.total_ns[round]) << "no two at a time";
    }
  }
}

TEST_P(Host, CountsSavesThatTheDeadlineEnds) {
  HostSpec spec = spec_;
  spec.deadline_ns = 1;
  HostRun run(spec, *executor_, workload_);
  run.round();
  EXPECT_EQ(run.cold().over_deadline, 5u);
  EXPECT_EQ(run.cold().images_verified, 0u);
  EXPECT_EQ(host_failure({.spec = spec, .error = {}, .cold = run.cold(), .result = {}}),
            "5 of 5 blackouts were longer than the deadline of 1e-06 ms");
}

NTSTATUS save_nothing(VMBCHANNEL, VMBPACKET, PVOID, UINT32, PUINT32 bytes_needed) {
  *bytes_needed = 0;
  return STATUS_SUCCESS;
}

TEST_P(Host, AnImageThatLacksAPacketsStateFailsTheRow) {
  static VMBS_VSP forgetful;
  forgetful = *workload_[0].vsp;
  forgetful.configure = [](VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend) {
    const NTSTATUS status = host_workload()[0].vsp->configure(channel, backend);
    if (!NT_SUCCESS(status)) return status;
    return VmbServerChannelInitSetSaveRestorePacketCallbacks(
        channel, save_nothing, [](VMBCHANNEL, PVOID, UINT32, PVOID, UINT32) -> NTSTATUS { return STATUS_SUCCESS; });
  };
  Workload workload = host_workload();
  workload[0].vsp = &forgetful;
  HostRun run(spec_, *executor_, workload);
  try {
    run.round();
    FAIL() << "nobody has noticed";
  } catch (const CheckFailed& error) {
    EXPECT_EQ(std::string(error.what()).rfind("VM 0: channel 0: transaction ", 0), 0u) << error.what();
  }
}

TEST_P(Host, KeepsToItsBudgetOfMemory) {
  HostSpec spec = spec_;
  spec.memory_budget = 1;
  try {
    HostRun run(spec, *executor_, workload_);
    FAIL() << "nobody has noticed";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("1 of 5 VMs take ", 0), 0u) << error.what();
  }
  spec.memory_budget = resident_memory() + (std::uint64_t{64} << 20);
  spec.packets = 20'000;
  try {
    HostRun large(spec, *executor_, workload_);
    large.round();
    FAIL() << "nobody has noticed";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("of memory, the budget is "), std::string::npos) << error.what();
  }
  spec.packets = 9;
  spec.memory_budget = std::uint64_t{1} << 40;
  HostRun run(spec, *executor_, workload_);
  run.round();
  EXPECT_GT(run.cold().resident_bytes, 0u);
  EXPECT_LE(run.cold().resident_bytes, spec.memory_budget);
}

// As many as the command line takes, receives among them.
TEST(HostVms, HoldAsManyPacketsAsMayBeAskedFor) {
  const auto executor = make_serial_executor();
  const Workload workload = host_workload();
  HostRun run({.vms = 1, .packets = 65'536, .order = HostOrder::kInTurn, .deadline_ns = kHour}, *executor, workload);
  run.round();
  EXPECT_EQ(run.cold().packets, 65'536u);
  EXPECT_EQ(run.cold().images_verified, 1u);
}

std::string host_test_name(const testing::TestParamInfo<Host::ParamType>& info) {
  const auto [order, threads] = info.param;
  return (order == HostOrder::kAtOnce ? "AtOnce" : "InTurn") + std::to_string(threads);
}

INSTANTIATE_TEST_SUITE_P(Orders, Host,
                         testing::Combine(testing::Values(HostOrder::kAtOnce, HostOrder::kInTurn),
                                          testing::Values(1u, 2u)),
                         host_test_name);

TEST(HostSuite, HasARowForEachNumberOfVmsOrderAndNumberOfThreads) {
  EXPECT_EQ(host_rows({}, 2).size(), 16u);
  EXPECT_EQ(host_rows({}, 1).size(), 8u);
  const auto rows = host_rows({.vms = 7, .packets = 3, .deadline_ns = 5, .memory_budget = 6}, 2);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(host_name(rows[3].spec), "host/vms:7/in_turn/threads:2");
  EXPECT_EQ(rows[0].spec.packets, 3u);
  EXPECT_EQ(rows[0].spec.deadline_ns, 5u);
  EXPECT_EQ(rows[0].spec.memory_budget, 6u);
}

TEST(HostReport, AgreesWithItsSchemaAndShowsWhyARowFailed) {
  const Workload workload = host_workload();
  const auto executor = make_serial_executor();
  report::HostRow measured{.spec = small(HostOrder::kInTurn, 1), .error = {}, .cold = {}, .result = {}};
  HostRun run(measured.spec, *executor, workload);
  for (int round = 0; round < 2; ++round) run.round();
  measured.cold = run.cold();
  measured.result = run.result();
  const report::HostRow failed{.spec = small(HostOrder::kAtOnce, 1), .error = "no reason", .cold = {}, .result = {}};
  const auto json = report::host_json("2026-01-01T00:00:00Z", nlohmann::ordered_json::object(), {failed, measured});
  for (const auto& row : json["rows"]) {
    tests::Schema(VMBSAVE_SCHEMAS "/host.schema.json", "/$defs/row").expect_matches(nlohmann::json(row));
  }
  const std::string table = report::host_table(json);
  EXPECT_NE(table.find("host/vms:5/at_once/threads:1: no reason\n"), std::string::npos) << table;
  EXPECT_NE(table.find("5 VMs of 9 packets"), std::string::npos) << table;
}

}  // namespace
}  // namespace vmbsave::bench
