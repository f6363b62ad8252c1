// vmbsave: the tool. `vmbsave --help` lists its subcommands.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/unknown_words.hpp"
#include "harness/interrupts.hpp"
#include "harness/one_line.hpp"
#include "harness/standard_streams.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace {

constexpr const char* kToolDescription =
    "Saves and restores the in-use packets of VMBus channels, and measures it.\n"
    "'vmbsave COMMAND --help' has the options, examples and exit codes of each.";

// "vmbsave gate selftest", as far as the command line was understood.
std::string path_of(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app.get_name() : app.get_name() + " " + path_of(*commands.front());
}

// fputs, because fmt::print would throw where standard error is gone too.
int fail(int code, const CLI::App& app, const std::string& what) {
  std::fputs((path_of(app) + ": " + vmbsave::bench::one_line(what) + "\n").c_str(), stderr);
  return code;
}

int refuse(const CLI::App& app, const std::string& what) {
  return fail(vmbsave::cli::kBadInput, app, vmbsave::bench::with_advice(what, path_of(app)));
}

int flushed(const CLI::App& app, int code) {
  const std::string lost = vmbsave::bench::lost_output();
  if (lost.empty()) return code;
  return fail(code == vmbsave::cli::kOk ? vmbsave::cli::kBadInput : code, app, lost);
}

// In the order in which they are listed.
void add_commands(CLI::App& app, vmbsave::cli::Command& chosen) {
  using namespace vmbsave::cli;
  add_bench(app, chosen);
  add_replay(app, chosen);
  add_profile(app, chosen);
  add_doctor(app, chosen);
  add_inspect(app, chosen);
  add_table(app, chosen);
  add_report(app, chosen);
  add_verify(app, chosen);
  add_check(app, chosen);
  add_gate(app, chosen);
  add_bar(app, chosen);
  add_compare(app, chosen);
  add_record(app, chosen);
  add_gate_cases(app, chosen);
  add_gate_slices(app, chosen);
  add_gate_counts(app, chosen);
}

// What CLI11 says of an option that is none depends on what else is missing.
int refuse_parsing(const CLI::App& app, int argc, char** argv, const CLI::ParseError& error) {
  const std::string unknown = vmbsave::cli::unknown_word(app, {argv + 1, argv + argc});
  return refuse(app, unknown.empty() ? error.what() : unknown);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace vmbsave::cli;
  vmbsave::bench::end_on_interrupts("vmbsave");  // until it is known which command this is
  vmbsave::bench::occupy_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is an error of the write, with its words
  CLI::App app(kToolDescription, "vmbsave");
  app.formatter(help_formatter());
  app.require_subcommand(1);
  app.get_help_ptr()->description("print this");
  app.set_version_flag("--version", "vmbsave " VMBSAVE_VERSION, "print the version");
  app.footer(all_exit_codes());
  Command chosen;
  add_commands(app, chosen);
  try {
    app.parse(argc, argv);
    const std::string path = path_of(app);
    vmbsave::bench::end_on_interrupts(path.c_str());
    return flushed(app, chosen());
  } catch (const CLI::Success& help_or_version) {
    return flushed(app, app.exit(help_or_version));
  } catch (const CLI::ParseError& error) {
    return refuse_parsing(app, argc, argv, error);
  } catch (const vmbsave::bench::CheckFailed& error) {
    return fail(kFailed, app, error.what());
  } catch (const std::bad_alloc&) {
    return refuse(app, "not enough memory; give it less to do, or free some");
  } catch (const std::filesystem::filesystem_error& error) {  // what() has the library's own words
    return refuse(app, fmt::format("{}: {}", error.path1().string(), error.code().message()));
  } catch (const std::exception& error) {
    return refuse(app, error.what());
  }
}
