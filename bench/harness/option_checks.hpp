// option_checks.hpp: what an option of the command line takes.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace vmbsave::cli {

// Not "".
CLI::Validator given();

// A folder that is there.
CLI::Validator existing_folder();

// Digits only, from least to most. For Option::transform, as CLI11 itself takes "-1" for a large number, and "010" for
// 8.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);

}  // namespace vmbsave::cli
