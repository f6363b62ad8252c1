// recorded.hpp: runs of vmbsave-bench that were recorded, judged by the gate's rule as far as they can be.
#pragma once

#include <filesystem>
#include <vector>

#include "gate/gate.hpp"

namespace vmbsave::gate {

// As many files of base as of head; the first of one is paired with the first of the other, and so on. A pair gives one
// value a row, as a process does. Rows that both sides have are compared. Throws std::runtime_error naming the file;
// std::invalid_argument: nothing to compare, or other machines.
GateRun judge_files(const std::vector<std::filesystem::path>& base, const std::vector<std::filesystem::path>& head,
                    const ComparisonOptions& options);

}  // namespace vmbsave::gate
