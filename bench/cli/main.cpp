// vmbsave: the tool. `vmbsave --help` lists its subcommands.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <string>

#include "cli/commands.hpp"
#include "harness/one_line.hpp"
#include "harness/standard_streams.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace {

constexpr const char* kToolDescription =
    "Saves and restores the in-use packets of VMBus channels, and measures it.\n"
    "Exit codes: 0 all is well, 1 something checked does not hold, 2 the input or the command line is not usable.";

// fputs, because fmt::print would throw where standard error is gone too.
int fail(int code, const std::string& what) {
  std::fputs(("vmbsave: " + vmbsave::bench::one_line(what) + "\n").c_str(), stderr);
  return code;
}

// Output that did not reach its reader is a failure, not a success.
int flushed(int code) {
  using vmbsave::cli::kOk;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const int error = errno;
  return fail(code == kOk ? vmbsave::cli::kBadInput : code,
              fmt::format("cannot write to standard output: {}", std::strerror(error)));
}

// CLI11 itself would only say that a subcommand is missing.
bool is_unknown(const CLI::App& app, const std::string& word) {
  if (word.starts_with('-')) return app.get_option_no_throw(word) == nullptr;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  return std::none_of(commands.begin(), commands.end(),
                      [&](const CLI::App* command) { return command->get_name() == word; });
}

// "table ", or "" before one is known.
std::string chosen_name(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? "" : commands.front()->get_name() + " ";
}

}  // namespace

int main(int argc, char** argv) {
  using namespace vmbsave::cli;
  vmbsave::bench::occupy_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is an error of the write, with its words
  CLI::App app(kToolDescription, "vmbsave");
  app.require_subcommand(1);
  app.set_version_flag("--version", "vmbsave " VMBSAVE_VERSION);
  Command chosen;
  add_replay(app, chosen);
  add_profile(app, chosen);
  add_table(app, chosen);
  add_bar(app, chosen);
  add_compare(app, chosen);
  add_record(app, chosen);
  add_report(app, chosen);
  add_bench(app, chosen);
  add_inspect(app, chosen);
  add_verify(app, chosen);
  add_check(app, chosen);
  add_doctor(app, chosen);
  add_gate(app, chosen);
  add_gate_cases(app, chosen);
  add_gate_slices(app, chosen);
  add_gate_counts(app, chosen);
  try {
    if (argc > 1 && is_unknown(app, argv[1])) {
      const char* const kind = argv[1][0] == '-' ? "option" : "command";
      return fail(kBadInput, fmt::format("no {} '{}'; see vmbsave --help", kind, argv[1]));
    }
    app.parse(argc, argv);
    return flushed(chosen());
  } catch (const CLI::Success& help_or_version) {
    return flushed(app.exit(help_or_version));
  } catch (const CLI::ParseError& error) {
    return fail(kBadInput, fmt::format("{}; see vmbsave {}--help", error.what(), chosen_name(app)));
  } catch (const vmbsave::bench::CheckFailed& error) {
    return fail(kFailed, error.what());
  } catch (const std::bad_alloc&) {
    return fail(kBadInput, "not enough memory");
  } catch (const std::filesystem::filesystem_error& error) {  // what() has the library's own words
    return fail(kBadInput, fmt::format("{}: {}", error.path1().string(), error.code().message()));
  } catch (const std::exception& error) {
    return fail(kBadInput, error.what());
  }
}
