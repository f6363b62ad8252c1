// result_text.hpp: what tables and texts of several results say in the same words.
#pragma once

#include <string>

namespace vmbsave::report {

// "10.00 ms"
std::string duration_text(double ns);

// "2", or "1 of 2": a small save takes fewer threads than it was given.
std::string threads_text(unsigned asked, unsigned taken);

}  // namespace vmbsave::report
