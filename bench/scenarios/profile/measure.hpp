// measure.hpp: what a trace holds, as a profile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trace/profile.hpp"
#include "trace/trace.hpp"

namespace vmbsave::profile {

struct Options {
  std::string name;
  std::string source;
  std::string credit;
  std::optional<std::uint64_t> service_time_ns;  // from submission to completion; replaces measured ones
  std::uint64_t min_count = 1;                   // sizes with fewer requests are left out
};

// Beside the trace and its schedule it takes the same memory for every trace. A trace without completions and without a
// service time is in use to its end.
trace::Profile measure(const trace::Trace& trace, const Options& options);

}  // namespace vmbsave::profile
