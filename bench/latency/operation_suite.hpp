// operation_suite.hpp: the rows of single operations that a run of saves is read beside.
#pragma once

#include <string>
#include <vector>

#include "report/operation_report.hpp"

namespace vmbsave::bench {

// Of a suite: without samples.
std::vector<report::OperationRow> operation_rows(const std::string& suite);

// One benchmark a row, which adds to it what each of its repetitions measures. They outlive the run.
void register_operations(std::vector<report::OperationRow>& rows);

}  // namespace vmbsave::bench
