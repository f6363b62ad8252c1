// output_rows.hpp: what the outputs say of one case, as text.
#pragma once

#include <string>

#include "gate/gate.hpp"

namespace vmbsave::gate {

std::string ratio_text(const ComparedCase& compared);         // "1.003 [0.998, 1.009]"; "-": no time
std::string detectable_text(const ComparedCase& compared);    // "2.6 %": the smallest slowdown it would have found
std::string instructions_text(const ComparedCase& compared);  // "+0.00 %"
std::string reasons_text(const ComparedCase& compared);       // "" or "why; why"
std::string side_text(const Build& build);                    // "1a2b3c4d5e6f (its subject)"

}  // namespace vmbsave::gate
