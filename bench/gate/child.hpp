// child.hpp: the processes of the gate, and what they print.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "harness/child.hpp"

namespace vmbsave::gate {

using bench::ChildResult;
using bench::ChildSpec;
using bench::failure_text;
using bench::Interrupted;
using bench::own_environment;
using bench::run_child;
using bench::throw_if_interrupted;
using bench::watch_for_interrupts;

// The last line that it printed, as JSON: what comes before may be a library's. Throws SideFailed.
nlohmann::ordered_json json_of(const ChildResult& result);

}  // namespace vmbsave::gate
