#include "gate/counts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gate/child.hpp"
#include "gate/new_folder.hpp"
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

// Where it is not allowed, as in many containers, addresses are another each time; two counts tell whether it matters.
const std::vector<std::string>& without_address_randomisation() {
  static const std::vector<std::string> prefix = [] {
    const std::vector<std::string> wanted = {"setarch", "-R"};
    std::vector<std::string> probe = wanted;
    probe.push_back("true");
    const ChildResult result =
        run_child({.arguments = probe, .environment = clean_environment(), .folder = {}, .log = {}});
    return result.exit_code == 0 ? wanted : std::vector<std::string>();
  }();
  return prefix;
}

ChildResult run_or_throw(std::vector<std::string> arguments, const CountOptions& options) {
  const std::vector<std::string>& prefix = without_address_randomisation();
  arguments.insert(arguments.begin(), prefix.begin(), prefix.end());
  ChildResult result = run_child({.arguments = std::move(arguments),
                                  .environment = clean_environment(),
                                  .folder = "/",
                                  .log = {},
                                  .limit = std::chrono::seconds(300)});
  if (result.exit_code != 0) throw SideFailed(fmt::format("{}: {}", options.gate_case.name, failure_text(result)));
  return result;
}

// What both ways of counting run.
class Counted {
 public:
  // By a path that is as long for both sides: what is on a stack or in a heap because of it is so, too.
  explicit Counted(const CountOptions& options) : options_(options), folder_(fs::temp_directory_path()) {
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

 private:
  const CountOptions& options_;
  const NewFolder folder_;
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

// Of several threads only what the side says itself: which of them allocates, or touches its stack first, is chance.
bool is_exact(const std::string& counter, const CaseName& gate_case) {
  return gate_case.threads == 1 || (counter != "allocator_calls" && counter != kPageFaults);
}

void add_counters(const Json& json, const CaseName& gate_case, Counts& counts) {
  counts.digest = json.at("digest").get<std::uint64_t>();
  for (const auto& [name, value] : json.at("counters").items()) {
    if (!is_exact(name, gate_case)) continue;
    const auto number = value.get<std::uint64_t>();
    const auto [known, is_new] = counts.counters.emplace(name, number);
    if (is_new || known->second == number) continue;
    if (name == kPageFaults) {
      known->second = std::min(known->second, number);
    } else {
      counts.varying[name] = fmt::format("{} and {}", known->second, number);
    }
  }
}

}  // namespace

Counts count(const CountOptions& options) {
  Counts counts;
  for (int i = 0; i < kRepeats; ++i) {
    const ChildResult result = Counted(options).run({});
    add_counters(json_of(result), options.gate_case, counts);
  }
  for (const auto& [name, values] : counts.varying) counts.counters.erase(name);
  count_instructions(options, counts);
  return counts;
}

void count_page_faults_again(const CountOptions& options, Counts& counts) {
  const auto known = counts.counters.find(kPageFaults);
  if (known == counts.counters.end()) return;
  const Json json = json_of(Counted(options).run({}));
  known->second = std::min(known->second, json.at("counters").at(kPageFaults).get<std::uint64_t>());
}

std::vector<CaseName> cases_in(const fs::path& program, const fs::path& object, const std::string& suite) {
  const ChildResult result =
      run_child({.arguments = {program.string(), "gate-cases", "--side", object.string(), "--suite", suite},
                 .environment = own_environment(),
                 .folder = {},
                 .log = {}});
  if (result.exit_code != 0) throw SideFailed(fmt::format("{}: {}", object.string(), failure_text(result)));
  std::vector<CaseName> cases;
  for (const Json& one : json_of(result)) {
    cases.push_back({one.at("name").get<std::string>(), one.at("threads").get<unsigned>()});
  }
  return cases;
}

int print_cases(const fs::path& object, const std::string& suite) {
  Json json = Json::array();
  for (const CaseName& gate_case : Side(object).cases(suite)) {
    json.push_back({{"name", gate_case.name}, {"threads", gate_case.threads}});
  }
  fmt::print("{}\n", json.dump());
  return 0;
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
  json["counters"][kPageFaults] = faults;
  fmt::print("{}\n", json.dump());
  return 0;
}

bool can_count_instructions() {
  return run_child(
             {.arguments = {"valgrind", "--version"}, .environment = clean_environment(), .folder = {}, .log = {}})
             .exit_code == 0;
}

}  // namespace vmbsave::gate
