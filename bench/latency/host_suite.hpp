// host_suite.hpp: the suite `host`: many virtual machines on one host, a row a number of them and a way to save them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/executors.hpp"
#include "report/host_report.hpp"

namespace vmbsave::bench {

inline constexpr const char* kHostSuite = "host";

inline constexpr std::uint32_t kMostVms = 4096;
inline constexpr std::uint32_t kMostPackets = 1u << 16;  // of a VM

// What the command line says of all rows.
struct HostFlags {
  std::optional<std::uint32_t> vms;  // absent: 2, 16, 128 and 1,024
  std::uint32_t packets = 64;
  std::uint64_t deadline_ns = 300'000'000;
  std::uint64_t memory_budget = 0;
};

std::vector<report::HostRow> host_rows(const HostFlags& flags, unsigned cpus);

// Why a row has failed: it could not be measured, or a blackout was beyond the deadline. Empty: it has not.
std::string host_failure(const report::HostRow& row);

// All of it in a row's time: its VMs are made, saved round after round and freed. Rows without rounds were not run.
// Both must live until the benchmarks have run.
void register_host(std::vector<report::HostRow>& rows, Executors& executors);

}  // namespace vmbsave::bench
