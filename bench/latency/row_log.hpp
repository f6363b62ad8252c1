// row_log.hpp: what the rows of a run came to.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "latency/row_spec.hpp"
#include "report/bench_report.hpp"

namespace vmbsave::bench {

// Google Benchmark calls a row several times: to warm up, to find out how many saves fill the wanted time, and then
// once a repetition.
class RowLog {
 public:
  explicit RowLog(std::size_t repetitions = 1) : repetitions_(repetitions) {}

  // The last calls of a row count, one a repetition, and make one long row.
  void add(const RowSpec& spec, report::RowSamples samples);

  // The numbers of a row that failed once are not kept.
  void fail(const RowSpec& spec, const std::string& error);

  std::size_t repetitions() const noexcept { return repetitions_; }  // that were asked for

  // In the order in which they were first called.
  std::vector<report::BenchRow> rows() const;

 private:
  struct Row {
    report::BenchRow row;                   // without its samples
    std::deque<report::RowSamples> counts;  // of the last calls
  };

  Row& row_of(const RowSpec& spec);

  const std::size_t repetitions_;
  std::vector<Row> rows_;
};

}  // namespace vmbsave::bench
