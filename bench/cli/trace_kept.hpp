// trace_kept.hpp: a command does not write over its own input.
#pragma once

#include <string>
#include <vector>

namespace vmbsave::cli {

// Throws std::runtime_error, in one line, if writing one of `files`, which `option` names, would change the trace or a
// file in it, whatever the names.
void expect_trace_kept(const char* option, const std::string& trace, const std::vector<std::string>& files);

}  // namespace vmbsave::cli
