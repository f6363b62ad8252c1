// help.hpp: what --help shows, in the same way for every subcommand.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

namespace vmbsave::cli {

// The groups of `vmbsave --help`.
inline constexpr const char* kMeasure = "Measure";
inline constexpr const char* kLook = "Look";
inline constexpr const char* kJudge = "Judge";
inline constexpr const char* kKeep = "Keep";

struct CodeMeaning {
  int code;
  const char* meaning;  // for this subcommand
};

struct Help {
  const char* group;
  const char* name;
  const char* summary;   // its line in the list
  const char* text;      // a sentence or two more, or ""
  const char* examples;  // lines that begin with two spaces; then what else must be known
  std::vector<CodeMeaning> codes;
};

// With its help. Of the gate, too, which has subcommands of its own.
CLI::App* add_command(CLI::App& app, const Help& help);

// A subcommand of the tool's own, which no list shows.
CLI::App* add_hidden_command(CLI::App& app, const char* name, const char* summary);

// Wraps lines at the terminal's width; says of each option its range and its default.
std::shared_ptr<CLI::FormatterBase> help_formatter();

// All exit codes, a line each.
std::string all_exit_codes();

}  // namespace vmbsave::cli
