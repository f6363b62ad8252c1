// detectable.hpp: which slowdown a measurement would have found.
#pragma once

#include <cstddef>
#include <span>

namespace vmbsave::gate {

// Values as they came, their median moved to `shift`: how likely the rule "the rank-th smallest of as many values is
// more than `limit`" is to say yes. Exactly what resampling them for ever would give: the rank-th smallest of n draws
// is more than a limit if fewer than `rank` draws are not.
double power_at(std::span<const double> values, std::size_t rank, double limit, double shift);

// The smallest shift for which that is `power` or more; +inf: none is, as with rank 0.
double smallest_detectable(std::span<const double> values, std::size_t rank, double limit, double power);

}  // namespace vmbsave::gate
