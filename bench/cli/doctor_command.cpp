#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bench_program.hpp"
#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "report/build_info.hpp"
#include "report/doctor.hpp"

namespace vmbsave::cli {
namespace {

const Help kDoctorHelp = {
    kMeasure,
    "doctor",
    "do this machine and this build give numbers that can be trusted?",
    "What it looks at, what that does to numbers, and what to do about it.",
    "  vmbsave doctor\n"
    "  vmbsave doctor --json > machine.json     with machine, build and libraries\n",
    {{kOk, "nothing fails; warnings may remain"}, {kFailed, "something fails"}, {kBadInput, "wrong command line"}}};

int run_doctor(const Output& output) {
  expect_usable(output, {});
  nlohmann::ordered_json json = {{"schema", "vmbsave-doctor-1"}};
  report::add_context(json, google_benchmark_build());
  const nlohmann::ordered_json& doctor = json.at("doctor");
  give(output, json, report::doctor_table(doctor));
  return doctor.at("failures") == 0 ? kOk : kFailed;
}

}  // namespace

void add_doctor(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kDoctorHelp);
  const auto output = std::make_shared<Output>();
  add_output_options(*command, *output);
  command->callback([output, &chosen] { chosen = [output] { return run_doctor(*output); }; });
}

}  // namespace vmbsave::cli
