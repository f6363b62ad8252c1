// vmbsave: the tool. `vmbsave --help` lists its subcommands.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "cli/commands.hpp"

namespace {

constexpr const char* kDescription =
    "Saves and restores the in-use packets of VMBus channels, and measures it.\n"
    "Exit codes: 0 all is well, 1 something checked does not hold, 2 the input or the command line is not usable.";

}  // namespace

int main(int argc, char** argv) {
  using namespace vmbsave::cli;
  CLI::App app(kDescription, "vmbsave");
  app.require_subcommand(1);
  Command chosen;
  add_replay(app, chosen);
  add_table(app, chosen);
  try {
    app.parse(argc, argv);
    return chosen();
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "vmbsave: {}; see vmbsave --help\n", error.what());
    return kBadInput;
  } catch (const std::exception& error) {
    fmt::print(stderr, "vmbsave: {}\n", error.what());
    return kBadInput;
  }
}
