// profile_source.hpp: a profile as the command line names it.
#pragma once

#include <string>

#include "trace/profile.hpp"

namespace vmbsave::cli {

// The name has a slash or ends in .json; else it is that of a built-in profile.
bool is_profile_file(const std::string& name);

// Throws std::runtime_error in one line.
trace::Profile read_profile(const std::string& name);

}  // namespace vmbsave::cli
