// unknown_words.hpp: what of a command line no subcommand knows, and what may have been meant.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace vmbsave::cli {

// Of a command line that could not be parsed: the first command or option that there is none of, in one line with the
// nearest one that there is; "" if all are known.
std::string unknown_word(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace vmbsave::cli
