// host_suite.hpp: the suite `host`: many virtual machines on one host, a row a number of them and a way to save them.
#pragma once

#include <string>
#include <vector>

#include "harness/executors.hpp"
#include "latency/host_options.hpp"
#include "report/host_report.hpp"
#include "scenarios/host/workload.hpp"

namespace vmbsave::bench {

inline constexpr const char* kHostSuite = "host";

std::vector<report::HostRow> host_rows(const HostOptions& options, unsigned cpus);

// Why a row has failed: it could not be measured, or a blackout was beyond the deadline. Empty: it has not.
std::string host_failure(const report::HostRow& row);

// All of it in a row's time: its VMs are made, saved round after round and freed. Rows without rounds were not run.
// All must live until the benchmarks have run. On a terminal a line shows how far a row is, unless `quiet`.
void register_host(std::vector<report::HostRow>& rows, const Workload& workload, Executors& executors, bool quiet);

}  // namespace vmbsave::bench
