// holm.hpp: several hypotheses tested at once, so that one of them is refused wrongly with a probability of `alpha` at
// most, however they depend on each other (Holm's step-down procedure).
#pragma once

#include <span>
#include <vector>

namespace vmbsave::gate {

// Which of the hypotheses with these p values are refused.
std::vector<bool> holm(std::span<const double> p_values, double alpha);

}  // namespace vmbsave::gate
