// suites.hpp: which rows there are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latency/row_spec.hpp"
#include "report/bench_report.hpp"

namespace vmbsave::bench {

// From the shortest to the longest.
std::vector<std::string> suite_names();

// The rows of a suite for a machine with so many CPUs and so much free memory. Throws std::invalid_argument for a name
// that suite_names() does not have.
std::vector<RowSpec> suite_rows(const std::string& name, unsigned cpus, std::uint64_t memory_bytes);

// What a suite would have besides, were it not too large.
std::vector<report::LeftOutRow> left_out_rows(const std::string& name, unsigned cpus, std::uint64_t memory_bytes);

}  // namespace vmbsave::bench
