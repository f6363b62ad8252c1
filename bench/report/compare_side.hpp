// compare_side.hpp: one side of a comparison, and whether it can be compared with another.
#pragma once

#include <string>
#include <vector>

#include "report/compare.hpp"

namespace vmbsave::report {

struct RunRows {
  ComparedSide side;
  std::vector<MeasuredRow> rows;      // of all its results
  std::vector<std::string> left_out;  // a line for each result that has no rows
};

// Throws std::runtime_error, in one line, for a damaged result, for results of several machines or builds, and for a
// run without rows.
RunRows rows_of_run(const RunResults& run);

// Rows of another allocator than glibc get its name: of both sides, where one of them has several.
void name_allocators(std::vector<MeasuredRow>& rows);

// Throws std::runtime_error for builds that check differently and, unless that is wanted, for other machines.
void expect_comparable(const ComparedSide& a, const ComparedSide& b, bool across_machines);

std::vector<ExactDifference> context_differences(const ComparedSide& a, const ComparedSide& b);

}  // namespace vmbsave::report
