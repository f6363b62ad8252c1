// vsp_rows.hpp: which rows of a suite run on a VSP that its author brings.
#pragma once

#include <vector>

#include "latency/row_spec.hpp"
#include "report/bench_report.hpp"

namespace vmbsave::bench {

// The point at the centre, with the VSP and the sizes of state that it says for a few hundred packets; these are saved
// once, compared, and completed: what cannot be run at all is found before anything is measured. Throws
// std::runtime_error in one line.
Point vsp_point(const VMBS_VSP& vsp);

struct VspRows {
  std::vector<RowSpec> rows;
  std::vector<report::LeftOutRow> left_out;  // what the VSP decides itself, or what only blob's layout allows
};

// `rows`, with their VSP exchanged for the one of `of_vsp`. Each once.
VspRows rows_on(const std::vector<RowSpec>& rows, const Point& of_vsp);

}  // namespace vmbsave::bench
