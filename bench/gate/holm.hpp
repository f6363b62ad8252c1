// holm.hpp: several hypotheses tested at once, so that one of them is refused wrongly with a probability of `alpha` at
// most, however they depend on each other (Holm's step-down procedure).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vmbsave::gate {

// Which of the hypotheses with these p values are refused. family: how many are tested together; what is more than the
// p values is not refused; 0: these.
std::vector<bool> holm(std::span<const double> p_values, double alpha, std::size_t family = 0);

}  // namespace vmbsave::gate
