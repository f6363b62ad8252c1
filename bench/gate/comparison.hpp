// comparison.hpp: two sides compared, case by case, by both signals.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gate/build.hpp"
#include "gate/matrix.hpp"

namespace vmbsave::gate {

enum class Signals : std::uint8_t { kBoth, kTime, kInstructions };

struct ComparisonOptions {
  std::filesystem::path program;  // this tool
  std::string suite = "ci";
  std::string only;  // a regular expression that finds the names of the cases; empty: all
  Signals signals = Signals::kBoth;
  Rule rule;
  CountRule count_rule;
  std::uint64_t seed = 1;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::chrono::milliseconds pause{20'000};
  bool measures_identical = false;
  bool may_lose_cases = false;  // a case that head does not have any more is noted, and nothing more
  Watch watch = [](const char*, std::uint64_t, std::uint64_t) {};
};

struct ComparedCase {
  Evidence evidence;
  CaseVerdict verdict;
};

struct Comparison {
  Build base;
  Build head;
  Rule rule;
  CountRule count_rule;
  bool is_identical = false;  // the same object, byte for byte: nothing was measured
  std::vector<ComparedCase> cases;
  std::vector<std::string> notes;  // cases without a partner, accepted lines that are not usable
};

// Throws SideFailed if a side can't be loaded, std::invalid_argument if no case is left to compare.
Comparison compare(const Build& base, const Build& head, const AcceptedLines& accepted,
                   const ComparisonOptions& options);

}  // namespace vmbsave::gate
