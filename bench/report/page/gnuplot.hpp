// gnuplot.hpp: the program that draws.
#pragma once

#include <string>

namespace vmbsave::page {

// Whether there is one that runs.
bool has_gnuplot();

// What it writes for a script whose terminal is svg. Throws std::runtime_error with what it says, in one line.
std::string run_gnuplot(const std::string& script);

}  // namespace vmbsave::page
