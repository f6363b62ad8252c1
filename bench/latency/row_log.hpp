// row_log.hpp: what the rows of a run came to.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "latency/row_spec.hpp"
#include "report/bench_report.hpp"

namespace vmbsave::bench {

// Google Benchmark calls a row several times: to find out how many saves fill the wanted time, and for repetitions.
class RowLog {
 public:
  // Of the calls of a row those with the most saves count; several of the same length make one long one.
  void add(const RowSpec& spec, report::RowSamples samples);

  // The numbers of a row that failed once are not kept.
  void fail(const RowSpec& spec, const std::string& error);

  // In the order in which they were first called.
  const std::vector<report::BenchRow>& rows() const noexcept { return rows_; }

 private:
  std::size_t index_of(const RowSpec& spec);

  std::vector<report::BenchRow> rows_;
  std::vector<std::size_t> call_saves_;  // by row: saves of one of the calls that are kept
};

}  // namespace vmbsave::bench
