// load_suite.hpp: the suite `load`: groups of rows that take turns, a group as one benchmark of Google Benchmark.
#pragma once

#include <string>
#include <vector>

#include "harness/executors.hpp"
#include "harness/progress.hpp"
#include "report/load_report.hpp"

namespace vmbsave::bench {

inline constexpr const char* kLoadSuite = "load";

struct LoadGroup {
  std::string name;  // "pinned/open"
  std::vector<LoadSpec> specs;
};

std::vector<LoadGroup> load_groups();

// What the groups came to: the last run of each counts.
class LoadLog {
 public:
  std::vector<report::LoadRow>& of(const std::string& group);
  std::vector<report::LoadRow> rows() const;

 private:
  std::vector<std::pair<std::string, std::vector<report::LoadRow>>> groups_;
};

// The rounds of all rows of a group, one after the other. A row that fails takes no further part.
void run_group(const LoadGroup& group, Executors& executors, LoadLog& log, const Watch& watch = {});

// What was passed must live until the benchmarks have run. On a terminal a line shows how far a group is, unless
// `quiet`.
void register_load(const std::vector<LoadGroup>& groups, Executors& executors, LoadLog& log, bool quiet = false);

}  // namespace vmbsave::bench
