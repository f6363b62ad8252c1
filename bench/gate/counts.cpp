#include "gate/counts.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gate/child.hpp"
#include "harness/allocation_counter.hpp"
#include "harness/page_faults.hpp"

#if __has_include(<valgrind/callgrind.h>)
#pragma GCC diagnostic ignored "-Wold-style-cast"  // its macros
#include <valgrind/callgrind.h>
#define VMBSAVE_CALLGRIND 1
#endif

namespace vmbsave::gate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kRepeats = 2;

// What makes a case ready takes ten times as long where it is instrumented: it is not, where valgrind's header was at
// hand.
#ifdef VMBSAVE_CALLGRIND
constexpr const char* kInstrumentation = "--instr-atstart=no";
void start_instrumentation() { CALLGRIND_START_INSTRUMENTATION; }
#else
constexpr const char* kInstrumentation = "--instr-atstart=yes";
void start_instrumentation() {}
#endif

// What code of the C library is taken must not depend on the machine or on who calls: no variables of the user's, and
// copies by instructions that valgrind counts one by one. `rep movsb` would count once a byte.
std::vector<std::string> clean_environment() {
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
          "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=2000000000:"
          "glibc.cpu.x86_rep_stosb_threshold=2000000000:glibc.cpu.x86_non_temporal_threshold=0x7fffffffffff"};
}

// A folder of files that are gone with it. Its path is as long in every run: what is on a stack or in a heap because of
// it is so, too.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "vmbsave-gate-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error(fmt::format("cannot write into {}", fs::temp_directory_path().string()));
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

ChildResult run_or_throw(std::vector<std::string> arguments, const CountOptions& options) {
  arguments.insert(arguments.begin(), {"setarch", "-R"});
  ChildResult result = run_child({.arguments = std::move(arguments),
                                  .environment = clean_environment(),
                                  .folder = "/",
                                  .log = {},
                                  .limit = std::chrono::seconds(300)});
  if (result.exit_code != 0) {
    throw SideFailed(fmt::format("{}: {}{}{}", options.gate_case.name, result.fate, result.err.empty() ? "" : ": ",
                                 result.err.substr(0, result.err.find('\n'))));
  }
  return result;
}

// What both ways of counting run.
class Counted {
 public:
  explicit Counted(const CountOptions& options) : options_(options) {
    fs::create_symlink(fs::absolute(options.object), folder_.path() / "side.so");
  }

  ChildResult run(std::vector<std::string> prefix) const {
    for (const std::string& argument :
         {options_.program.string(), std::string("gate-counts"), std::string("--side"),
          (folder_.path() / "side.so").string(), std::string("--case"), options_.gate_case.name,
          std::string("--operations"), std::to_string(options_.operations)}) {
      prefix.push_back(argument);
    }
    return run_or_throw(std::move(prefix), options_);
  }

  fs::path file(const char* name) const { return folder_.path() / name; }
  const CountOptions& options() const noexcept { return options_; }

 private:
  const CountOptions& options_;
  const TemporaryFolder folder_;
};

// "totals: N" of callgrind's file.
std::uint64_t total_of(const fs::path& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("totals: ")) return std::strtoull(line.c_str() + 8, nullptr, 10);
  }
  throw std::runtime_error(fmt::format("{}: callgrind gave no total", file.string()));
}

std::uint64_t instructions_once(const CountOptions& options) {
  const Counted counted(options);
  const fs::path file = counted.file("callgrind.out");
  counted.run({"valgrind", "-q", "--tool=callgrind", "--toggle-collect=vmbs_gate_operation", kInstrumentation,
               "--callgrind-out-file=" + file.string()});
  const std::uint64_t total = total_of(file);
  if (total == 0) {
    throw SideFailed(fmt::format("{}: nothing was counted: has it vmbs_gate_operation?", options.gate_case.name));
  }
  return total;
}

void count_instructions(const CountOptions& options, Counts& counts) {
  if (!options.instructions) {
    counts.why_not = "not asked for";
  } else if (options.gate_case.threads != 1) {
    counts.why_not = "several threads";
  } else {
    const std::uint64_t first = instructions_once(options);
    const std::uint64_t second = instructions_once(options);
    if (first != second) {
      throw SideFailed(fmt::format("{}: {} instructions, and {} in a second run: the count is no count",
                                   options.gate_case.name, first, second));
    }
    counts.instructions = first / options.operations;
  }
}

void add_counters(const Json& json, Counts& counts) {
  counts.digest = json.at("digest").get<std::uint64_t>();
  for (const auto& [name, value] : json.at("counters").items()) {
    const auto number = value.get<std::uint64_t>();
    const auto [known, is_new] = counts.counters.emplace(name, number);
    if (!is_new && known->second != number) counts.varying[name] = fmt::format("{} and {}", known->second, number);
  }
}

}  // namespace

Counts count(const CountOptions& options) {
  Counts counts;
  for (int i = 0; i < kRepeats; ++i) {
    const ChildResult result = Counted(options).run({});
    add_counters(Json::parse(result.out), counts);
  }
  for (const auto& [name, values] : counts.varying) counts.counters.erase(name);
  count_instructions(options, counts);
  return counts;
}

int print_counts(const fs::path& object, const std::string& case_name, std::uint64_t operations) {
  const Side side(object);
  ReadyCase ready(side, case_name);
  const bool counts_calls = bench::counts_allocator_calls();
  start_instrumentation();
  const std::uint64_t faults_before = bench::page_faults();
  if (counts_calls) bench::start_counting();
  ready.run(operations);
  const std::uint64_t calls = counts_calls ? bench::stop_counting() : 0;
  const std::uint64_t faults = bench::page_faults() - faults_before;
  Json json;
  json["digest"] = ready.check();
  json["counters"] = Json::object();
  for (const auto& [name, value] : ready.counters()) json["counters"][name] = value;
  if (counts_calls) json["counters"]["allocator_calls"] = calls;
  json["counters"]["page_faults"] = faults;
  fmt::print("{}\n", json.dump());
  return 0;
}

bool can_count_instructions() {
  return run_child(
             {.arguments = {"valgrind", "--version"}, .environment = clean_environment(), .folder = {}, .log = {}})
             .exit_code == 0;
}

}  // namespace vmbsave::gate
