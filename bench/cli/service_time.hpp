// service_time.hpp: how long requests take that were not measured.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trace/trace.hpp"

namespace vmbsave::cli {

// Of the option --service-time; empty: not given. Throws CLI::ValidationError, in one line.
std::optional<std::uint64_t> parse_service_time(const std::string& text);

// Absent where the trace has measured completions and none is given; else the given one, or the one to assume.
std::optional<std::uint64_t> service_time(const trace::Trace& trace, std::optional<std::uint64_t> given);

}  // namespace vmbsave::cli
