// output.hpp: what a subcommand gives besides its exit code, by flags that are the same for all of them.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace vmbsave::cli {

struct Output {
  bool json = false;
  bool quiet = false;
  std::string out;
};

// --json, -o and --out, -q and --quiet.
void add_output_options(CLI::App& command, Output& output);

// The same without -o and --out, of a subcommand that writes something else there.
void add_json_options(CLI::App& command, Output& output);

// --checkout, of what shows runs: for how old they are (report/run_age.hpp).
void add_checkout_option(CLI::App& command, std::string& checkout);

// Before minutes of work: the file can be written, and is none of `inputs`. Throws std::runtime_error.
void expect_usable(const Output& output, const std::vector<std::string>& inputs);

// As it is written everywhere. Names of others need not be UTF-8, as JSON is.
std::string json_text(const nlohmann::ordered_json& json);

// `json` ends with its line; the file has the same bytes as standard output.
void give(const Output& output, const std::string& json, const std::string& text);
void give(const Output& output, const nlohmann::ordered_json& json, const std::string& text);

}  // namespace vmbsave::cli
