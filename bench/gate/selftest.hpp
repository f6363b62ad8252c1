// selftest.hpp: the gate tried on what is known: how often it fails what is no slower, and misses what is.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "gate/build.hpp"
#include "gate/coverage.hpp"
#include "gate/timing.hpp"

namespace vmbsave::gate {

// What the two sides of a trial are.
enum class Kind : std::uint8_t {
  kSame,    // the same commit
  kSlower,  // head is slower by the target
  kFaster,  // base is
  kLayout,  // the same code, laid out otherwise
  kLoad,    // the same commit, and somebody copies memory while head's slices run
};
inline constexpr Kind kKinds[] = {Kind::kSame, Kind::kSlower, Kind::kFaster, Kind::kLayout, Kind::kLoad};
const char* kind_name(Kind kind) noexcept;

struct SelftestOptions {
  std::filesystem::path program;  // this tool
  std::filesystem::path source = ".";
  std::filesystem::path cache;  // empty: build/gate of the checkout
  bool is_long = false;
  std::uint64_t seed = 1;
  Watch watch = [](const char*, std::uint64_t, std::uint64_t) {};
};

struct Trial {
  Kind kind;
  std::string variant;  // of a layout
  Timing timing;
};

struct CoverageResult {
  Family family;
  std::size_t look;
  Coverage coverage;
};

// Of one kind: what came out, and what must not.
struct KindTally {
  Kind kind;
  std::size_t trials = 0;
  std::size_t passed = 0;  // with those that improved
  std::size_t failed = 0;
  std::size_t inconclusive = 0;
  std::size_t wrong = 0;    // a fail where nothing is slower, a pass where something is
  std::size_t allowed = 0;  // of those
  bool holds() const noexcept { return wrong <= allowed; }
};

struct Selftest {
  std::string started_utc;
  std::string commit;
  std::string case_name;
  std::size_t family = 0;  // benchmarks whose thresholds the trials are held to
  double seconds = 0;
  std::vector<Trial> trials;
  std::vector<CoverageResult> coverage;
  bool can_fail_at_last = false;
};

Selftest run_selftest(const SelftestOptions& options);

std::vector<KindTally> tally(const Selftest& selftest);

// bench::kOk, bench::kSelftestFailed, or bench::kInconclusive: more than a tenth of one kind did not know.
int exit_code(const Selftest& selftest);

std::string selftest_table(const Selftest& selftest);
nlohmann::ordered_json selftest_json(const Selftest& selftest, const nlohmann::ordered_json& context);

// The processes that a self-test recorded. Their controls are not in it: even, for whoever asks.
std::vector<Slices> processes_of(const nlohmann::ordered_json& json);

// What compare.py, DuckDB's runner and this gate say of the same trials. `selftest`: what selftest_json made. Throws
// nlohmann::json::exception.
nlohmann::ordered_json rules_json(const nlohmann::ordered_json& selftest);

std::string rules_table(const nlohmann::ordered_json& rules);

}  // namespace vmbsave::gate
