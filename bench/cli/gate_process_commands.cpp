// What the gate runs in processes of their own; nobody types these.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "gate/counts.hpp"
#include "gate/slices.hpp"

namespace vmbsave::cli {

void add_gate_slices(CLI::App& app, Command& chosen) {
  CLI::App* const command =
      add_hidden_command(app, "gate-slices", "One process of a gate: slices of both sides in turns.");
  const auto options = std::make_shared<gate::SliceOptions>();
  const auto loaded = std::make_shared<bool>(false);
  command->add_option("--base", options->base)->required();
  command->add_option("--head", options->head)->required();
  command->add_option("--case", options->case_name)->required();
  command->add_option("--cpu", options->cpu);
  command->add_option("--seed", options->seed);
  command->add_option("--rounds", options->rounds);
  command->add_option("--slice-ns", options->slice_ns);
  command->add_flag("--load-head", *loaded);
  command->callback([=, &chosen] {
    chosen = [=] {
      options->loaded = *loaded ? gate::LoadedSide::kHead : gate::LoadedSide::kNone;
      fmt::print("{}\n", gate::slices_json(gate::measure_slices(*options)).dump());
      return kOk;
    };
  });
}

void add_gate_cases(CLI::App& app, Command& chosen) {
  CLI::App* const command =
      add_hidden_command(app, "gate-cases", "One process of a gate: what a suite of a side holds.");
  struct Options {
    std::string side;
    std::string suite;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("--side", options->side)->required();
  command->add_option("--suite", options->suite)->required();
  command->callback([=, &chosen] { chosen = [=] { return gate::print_cases(options->side, options->suite); }; });
}

void add_gate_counts(CLI::App& app, Command& chosen) {
  CLI::App* const command =
      add_hidden_command(app, "gate-counts", "One process of a gate: exact counters of one side.");
  struct Options {
    std::string side;
    std::string name;
    std::uint64_t operations = 4;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("--side", options->side)->required();
  command->add_option("--case", options->name)->required();
  command->add_option("--operations", options->operations);
  command->callback(
      [=, &chosen] { chosen = [=] { return gate::print_counts(options->side, options->name, options->operations); }; });
}

}  // namespace vmbsave::cli
