// commands.hpp: the subcommands of vmbsave. Each adds itself to the command line; main runs the one that was chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "harness/exit_codes.hpp"

namespace vmbsave::cli {

using bench::kBadInput;
using bench::kFailed;
using bench::kOk;

// What a subcommand does once the command line has been read; gives the exit code.
using Command = std::function<int()>;

void add_replay(CLI::App& app, Command& chosen);
void add_profile(CLI::App& app, Command& chosen);
void add_bar(CLI::App& app, Command& chosen);
void add_compare(CLI::App& app, Command& chosen);
void add_table(CLI::App& app, Command& chosen);
void add_record(CLI::App& app, Command& chosen);
void add_report(CLI::App& app, Command& chosen);
void add_bench(CLI::App& app, Command& chosen);
void add_inspect(CLI::App& app, Command& chosen);
void add_verify(CLI::App& app, Command& chosen);
void add_check(CLI::App& app, Command& chosen);
void add_doctor(CLI::App& app, Command& chosen);
void add_gate(CLI::App& app, Command& chosen);
void add_gate_cases(CLI::App& app, Command& chosen);
void add_gate_slices(CLI::App& app, Command& chosen);
void add_gate_counts(CLI::App& app, Command& chosen);

}  // namespace vmbsave::cli
