// compare_cells.hpp: what of a comparison stands in a table, in the terminal and on a page.
#pragma once

#include <string>

#include "report/compare.hpp"

namespace vmbsave::report {

std::string time_cell(const Median& time);             // "1.27 ms"
std::string ratio_cell(const Median& ratio);           // "1.043 [1.031, 1.055]"
std::string word_cell(const ComparedRow& row);         // "slower", and a star if it was judged by time
std::string summary_of(const Comparison& comparison);  // how many rows are faster, slower and so on

}  // namespace vmbsave::report
