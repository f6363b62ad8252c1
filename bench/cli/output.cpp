#include "cli/output.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "harness/option_checks.hpp"
#include "harness/output_files.hpp"
#include "report/json_file.hpp"

namespace vmbsave::cli {

void add_output_options(CLI::App& command, Output& output) {
  command.add_option("-o,--out", output.out, "write the JSON to FILE too, whole or not at all")
      ->type_name("FILE")
      ->check(given());
  add_json_options(command, output);
}

void add_json_options(CLI::App& command, Output& output) {
  CLI::Option* const json =
      command.add_flag("--json", output.json, "JSON on standard output instead of text, nothing else");
  command.add_flag("-q,--quiet", output.quiet, "no text and no progress: errors and the exit code alone")
      ->excludes(json);
}

void add_checkout_option(CLI::App& command, std::string& checkout) {
  command
      .add_option("--checkout", checkout,
                  "a checkout of vmbsave: says how many commits have changed the engine since each run")
      ->type_name("FOLDER")
      ->check(existing_folder())
      ->capture_default_str();
}

void expect_usable(const Output& output, const std::vector<std::string>& inputs) {
  bench::expect_usable({{"--out", output.out}}, inputs);
}

std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void give(const Output& output, const std::string& json, const std::string& text) {
  if (!output.out.empty()) report::write_text(output.out, json);
  if (!output.quiet) std::fputs((output.json ? json : text).c_str(), stdout);
}

void give(const Output& output, const nlohmann::ordered_json& json, const std::string& text) {
  give(output, json_text(json), text);
}

}  // namespace vmbsave::cli
