#include "latency/live_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>

#include "harness/duration.hpp"
#include "harness/option_checks.hpp"
#include "latency/live_suite.hpp"
#include "latency/suite_flags.hpp"

namespace vmbsave::bench {
namespace {

constexpr const char* kLiveFlags[] = {"--folder", "--disk",  "--channels", "--depth", "--reads",
                                      "--seed",   "--every", "--phase",    "--rounds"};
constexpr std::uint64_t kMostMib = 1 << 30;
constexpr std::uint32_t kMostSlots = 16'384;  // of an io_uring's 32,768 entries

std::uint64_t least_disk_bytes(const LiveSpec& spec) { return spec.slots() * kLiveBlocksPerSlot * kLiveBlockBytes; }

template <class Number>
void add_number(CLI::App& app, const char* flag, Number& to, std::uint64_t least, std::uint64_t most) {
  app.add_option(flag, to)->transform(cli::whole_number(least, most));
}

void add_time(CLI::App& app, const std::string& flag, std::uint64_t& to) {
  constexpr std::uint64_t kLeast = 1'000'000;
  constexpr std::uint64_t kMost = 3'600'000'000'000;
  app.add_option_function<std::string>(flag, [flag, &to](const std::string& text) {
    to = cli::parse_duration(flag, text);
    if (to < kLeast || to > kMost) {
      throw CLI::ValidationError(flag, fmt::format("expected from 1ms to 60min, found '{}'", text));
    }
  });
}

}  // namespace

LiveDiskOptions LiveOptions::disk() const {
  return {folder.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(folder), spec.disk_bytes,
          has_disk ? spec.disk_bytes : least_disk_bytes(spec)};
}

void add_live_options(CLI::App& app, LiveOptions& options) {
  LiveSpec& spec = options.spec;
  app.add_option("--folder", options.folder)->check(cli::given());
  app.add_option_function<std::uint64_t>("--disk",
                                         [&options](std::uint64_t mib) {
                                           options.spec.disk_bytes = mib << 20;
                                           options.has_disk = true;
                                         })
      ->transform(cli::whole_number(1, kMostMib));
  add_number(app, "--channels", spec.channels, 1, 1'024);
  add_number(app, "--depth", spec.depth, 1, 4'096);
  add_number(app, "--reads", spec.read_percent, 0, 100);
  add_number(app, "--seed", spec.seed, 0, UINT64_MAX);
  add_number(app, "--rounds", spec.rounds, 1, 1'000);
  add_time(app, "--every", spec.every_ns);
  add_time(app, "--phase", spec.phase_ns);
}

std::string live_options_fault(const CLI::App& app, const std::string& suite, const LiveOptions& options) {
  if (std::string fault = flags_fault(app, suite, kLiveSuite, kLiveFlags); !fault.empty()) return fault;
  if (options.spec.slots() > kMostSlots) {
    return fmt::format("--channels and --depth: {} requests under way, expected at most {}", options.spec.slots(),
                       kMostSlots);
  }
  if (options.spec.disk_bytes < least_disk_bytes(options.spec)) {
    return fmt::format("--disk: expected at least {} MiB for {} requests under way",
                       (least_disk_bytes(options.spec) + (1 << 20) - 1) >> 20, options.spec.slots());
  }
  return {};
}

}  // namespace vmbsave::bench
