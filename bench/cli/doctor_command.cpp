#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bench_program.hpp"
#include "cli/commands.hpp"
#include "report/build_info.hpp"
#include "report/doctor.hpp"

namespace vmbsave::cli {
namespace {

int run_doctor(bool as_json) {
  nlohmann::ordered_json json = {{"schema", "vmbsave-doctor-1"}};
  report::add_context(json, google_benchmark_build());
  const nlohmann::ordered_json& doctor = json.at("doctor");
  fmt::print("{}", as_json ? json.dump(2) + "\n" : report::doctor_table(doctor));
  return doctor.at("failures") == 0 ? kOk : kFailed;
}

}  // namespace

void add_doctor(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand(
      "doctor",
      "Tells whether this machine and this build give numbers that can be trusted: what it looks at, what that does to "
      "numbers, and what to do about it. Exits 1 if something fails.");
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "JSON instead of lines, with machine, build and libraries");
  command->callback([as_json, &chosen] { chosen = [as_json] { return run_doctor(*as_json); }; });
}

}  // namespace vmbsave::cli
