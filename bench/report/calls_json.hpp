// calls_json.hpp: how the times of many calls stand in JSON.
#pragma once

#include "report/json_values.hpp"
#include "scenarios/save_under_load/histogram.hpp"

namespace vmbsave::report {

inline nlohmann::ordered_json calls_json(const bench::Histogram& times) {
  return {{"calls", times.count()},
          {"p50", or_null(times.percentile(0.50))},
          {"p99", or_null(times.percentile(0.99))},
          {"p999", or_null(times.percentile(0.999))},
          {"max", or_null(times.max())}};
}

}  // namespace vmbsave::report
