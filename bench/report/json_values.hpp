// json_values.hpp: how samples stand in JSON.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "report/intervals.hpp"
#include "report/percentiles.hpp"

namespace vmbsave::report {

template <class T>
nlohmann::ordered_json or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

// With the interval of p50, of which each end is a sample or lies outside of two.
inline nlohmann::ordered_json percentiles_json(const std::vector<std::uint64_t>& samples, std::size_t repetitions = 1) {
  const Percentiles p = percentiles(samples);
  const Median m = median(std::vector<double>(samples.begin(), samples.end()), repetitions);
  const auto whole = [](const std::optional<double>& end, double (*round)(double)) {
    return end ? nlohmann::ordered_json(static_cast<std::uint64_t>(round(*end))) : nlohmann::ordered_json(nullptr);
  };
  return {{"min", or_null(p.min)},
          {"p50", or_null(p.p50)},
          {"p50_low", whole(m.low, std::floor)},
          {"p50_high", whole(m.high, std::ceil)},
          {"p99", or_null(p.p99)},
          {"max", or_null(p.max)}};
}

inline nlohmann::ordered_json median_json(const std::vector<double>& samples, std::size_t repetitions = 1) {
  const Median m = median(samples, repetitions);
  return {{"p50", or_null(m.p50)}, {"low", or_null(m.low)}, {"high", or_null(m.high)}};
}

}  // namespace vmbsave::report
