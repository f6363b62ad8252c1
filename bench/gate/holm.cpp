#include "gate/holm.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace vmbsave::gate {

std::vector<bool> holm(std::span<const double> p_values, double alpha, std::size_t family) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<bool> refused(p_values.size(), false);
  std::size_t left = std::max(family, p_values.size());
  for (const std::size_t i : order) {
    if (p_values[i] > alpha / static_cast<double>(left--)) break;
    refused[i] = true;
  }
  return refused;
}

}  // namespace vmbsave::gate
