// bar.hpp: what the engine is held to, line by line, judged from a run of the suite `bar`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/intervals.hpp"

namespace vmbsave::report {

struct BarLine {
  std::string name;
  Median value = {};                 // low and high: 95 %; both are the value where it is exact
  std::optional<double> least = {};  // of the interval's lower end
  std::optional<double> most = {};   // of the interval's upper end
  std::string missing = {};          // why there is no value; empty: there is one
  bool is_shown_only = false;        // nothing is asked of it

  // A line without a value does not hold: what was not measured proves nothing.
  bool holds() const noexcept;
};

// From bench_json. Throws nlohmann::json::exception if it is something else.
std::vector<BarLine> bar_lines(const nlohmann::ordered_json& run);

// A line each, with its verdict, and how many hold.
// vmbsave-bar-1.
nlohmann::ordered_json bar_json(const std::vector<BarLine>& lines);

std::string bar_table(const std::vector<BarLine>& lines);

}  // namespace vmbsave::report
