// schedules: the engine's own code under schedules that a strategy chooses. `schedules --help`.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "model/schedule/scenarios.hpp"
#include "model/schedule/world.hpp"

namespace vmbsave::model {
namespace {

constexpr int kBadInput = 2;
constexpr const char* kHelp =
    "usage: schedules [--scenario NAME] [--strategy dfs|pct|random] [--schedules N] [--seed N]\n"
    "                 [--preemptions N] [--stale N] [--solo] [--whole] [--replay TEXT] [--list] [--help]\n\n"
    "Runs small programs on the engine's packet table, save session and arena, thread by thread as a strategy says.\n"
    "  --scenario     only this one; --list names them\n"
    "  --strategy     only this one: depth first, probabilistic, or random\n"
    "  --schedules    most of each scenario and strategy; default: 20000\n"
    "  --seed         of pct and random; default: 1\n"
    "  --preemptions  depth first: how often a thread that could go on has to wait; default: 2\n"
    "  --stale        depth first: how many loads read what is not the newest; default: 2\n"
    "  --solo         depth first: and from each point of each schedule, each thread that is inside an operation "
    "alone\n"
    "                 to the end of it\n"
    "  --whole        fails unless depth first has run all schedules that there are\n"
    "  --replay       one schedule again, operation by operation; a broken promise prints TEXT\n"
    "Exit codes: 0 every promise held, 1 one was broken, 2 the command line is not usable.\n";

struct Options {
  std::string scenario;
  std::string strategy;
  std::optional<std::string> replay;
  std::uint64_t schedules = 20'000;
  std::uint64_t seed = 1;
  unsigned preemptions = 2;
  unsigned stale = 2;
  bool solo = false;
  bool whole = false;
  bool list = false;
  bool help = false;
};

template <class T>
void set(T& value, std::string_view option, std::string_view text) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument(std::string(option) + ": expected a number, found '" + std::string(text) + "'");
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    const auto flag = [&](std::string_view name, bool& given) { return option == name && (given = true); };
    if (flag("--list", options.list) || flag("--help", options.help) || flag("--solo", options.solo) ||
        flag("--whole", options.whole)) {
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument(std::string(option) + ": unknown, or without a value");
    const std::string_view value = argv[++i];
    if (option == "--scenario") {
      options.scenario = value;
    } else if (option == "--strategy") {
      options.strategy = value;
    } else if (option == "--replay") {
      options.replay = value;
    } else if (option == "--schedules") {
      set(options.schedules, option, value);
    } else if (option == "--seed") {
      set(options.seed, option, value);
    } else if (option == "--preemptions") {
      set(options.preemptions, option, value);
    } else if (option == "--stale") {
      set(options.stale, option, value);
    } else {
      throw std::invalid_argument(std::string(option) + ": unknown");
    }
  }
  if (options.schedules == 0) throw std::invalid_argument("--schedules: expected at least 1");
  if (options.replay && options.scenario.empty()) throw std::invalid_argument("--replay: of which --scenario?");
  if (options.whole && (options.replay || (!options.strategy.empty() && options.strategy != "dfs"))) {
    throw std::invalid_argument("--whole: only depth first comes to an end");
  }
  return options;
}

std::unique_ptr<Strategy> make(const std::string& kind, const Options& options) {
  if (options.replay) return make_replay(*options.replay);
  if (kind == "pct") return make_pct(options.seed, options.schedules);
  if (kind == "random") return make_random(options.seed, options.schedules);
  return make_depth_first(options.preemptions, options.stale, options.solo);
}

struct Total {
  std::uint64_t schedules = 0;
  double seconds = 0;
  bool whole = true;
};

void run(const Scenario& scenario, const std::string& kind, const Options& options, Total& total) {
  World::get().set_scenario(scenario.name);
  const auto strategy = make(kind, options);
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t steps = World::get().steps();
  std::uint64_t done = 0;
  while (done < options.schedules && strategy->begin()) {
    scenario.run(*strategy);
    ++done;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool all = kind == "dfs" && done < options.schedules;
  total.whole = total.whole && (all || kind != "dfs");
  const double steps_each =
      done == 0 ? 0 : static_cast<double>(World::get().steps() - steps) / static_cast<double>(done);
  std::printf("%-10s %-6s %8llu schedules%s, %.0f a second, %.0f steps each\n", scenario.name, kind.c_str(),
              static_cast<unsigned long long>(done), all ? ", all there are" : "", static_cast<double>(done) / seconds,
              steps_each);
  std::fflush(stdout);
  total.schedules += done;
  total.seconds += seconds;
}

int run(const Options& options) {
  if (options.help) return std::fputs(kHelp, stdout) < 0 ? 1 : 0;
  Total total;
  bool found = false;
  World::get().show(options.replay.has_value());
  for (const Scenario& scenario : scenarios()) {
    if (options.list) std::printf("%-10s %s\n", scenario.name, scenario.what);
    if (options.list || (options.scenario.empty() ? scenario.control : options.scenario != scenario.name)) continue;
    for (const char* const kind : {"dfs", "pct", "random"}) {
      if (!options.strategy.empty() && options.strategy != kind) continue;
      found = true;
      run(scenario, options.replay ? "replay" : kind, options, total);
      if (options.replay) break;
    }
  }
  if (options.list) return 0;
  if (!found) throw std::invalid_argument("no such scenario or strategy");
  std::printf("%llu schedules, seed %llu, %.0f a second; every promise held\n",
              static_cast<unsigned long long>(total.schedules), static_cast<unsigned long long>(options.seed),
              static_cast<double>(total.schedules) / total.seconds);
  if (!options.whole || total.whole) return 0;
  std::printf("broken: depth first has not run all schedules; --schedules gives it more\n");
  return 1;
}

}  // namespace
}  // namespace vmbsave::model

int main(int argc, char** argv) {
  try {
    const int code = vmbsave::model::run(vmbsave::model::parse(argc, argv));
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    std::fputs("schedules: cannot write to standard output\n", stderr);
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "schedules: %s; see schedules --help\n", error.what());
    return vmbsave::model::kBadInput;
  }
}
