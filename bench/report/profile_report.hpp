// profile_report.hpp: a profile for a terminal.
#pragma once

#include <string>

#include "trace/profile.hpp"

namespace vmbsave::report {

struct TextStyle {
  unsigned columns = 80;
  bool unicode = false;  // else ASCII
};

// `part` of `whole` as a bar that is `columns` long for all of it.
std::string bar_text(double part, double whole, unsigned columns, const TextStyle& style);

// How many were in use over time: the mean and the peak of each column.
std::string in_use_picture(const trace::Profile& profile, const TextStyle& style);

// All of it.
std::string profile_text(const trace::Profile& profile, const TextStyle& style);

}  // namespace vmbsave::report
