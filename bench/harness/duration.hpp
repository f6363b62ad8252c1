// duration.hpp: times on the command line: a number and its unit.
#pragma once

#include <cstdint>
#include <string>

namespace vmbsave::cli {

// "10ms", "1.5s", "250us", "40ns" in nanoseconds. Throws CLI::ValidationError, in one line, for anything else.
std::uint64_t parse_duration(const std::string& option, const std::string& text);

}  // namespace vmbsave::cli
