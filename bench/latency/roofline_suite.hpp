// roofline_suite.hpp: the rows of memory copies that a run of saves is read beside.
#pragma once

#include <string>
#include <vector>

#include "harness/executors.hpp"
#include "report/roofline_report.hpp"

namespace vmbsave::bench {

// Of a suite, for so many CPUs: without samples. None for the suites that only look whether things work, or take long.
std::vector<report::RooflineRow> roofline_rows(const std::string& suite, unsigned cpus);

// Those of the rows that were run.
std::vector<report::RooflineRow> measured(const std::vector<report::RooflineRow>& rows);

// One benchmark a row, which fills the row in. Both outlive the run.
void register_roofline(std::vector<report::RooflineRow>& rows, Executors& executors);

}  // namespace vmbsave::bench
