// counts.hpp: what is the same in every run of a case: its instructions, and exact counters. No clock decides here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "gate/side.hpp"

namespace vmbsave::gate {

struct Counts {
  std::uint64_t digest = 0;
  std::optional<std::uint64_t> instructions;  // of one operation, on average; absent: not counted, and why_not says why
  std::string why_not;
  std::map<std::string, std::uint64_t> counters;
  std::map<std::string, std::string> varying;  // counters that two runs had differently: "3 and 4"
};

struct CountOptions {
  std::filesystem::path program;  // this tool
  std::filesystem::path object;
  CaseName gate_case;
  std::uint64_t operations = 4;
  bool instructions = true;
};

// Each thing twice, in fresh processes with a clean environment and without address randomisation. Throws SideFailed: a
// side failed, or two counts of its instructions differ.
Counts count(const CountOptions& options);

// Page faults of an operation, counted once more: the fewest stay. What else happens on a machine adds one now and
// then, and takes none away.
void count_page_faults_again(const CountOptions& options, Counts& counts);
inline constexpr const char* kPageFaults = "page_faults";

// What a suite of a side holds, found out in a process of its own: one that crashes takes nobody along. Throws
// SideFailed.
std::vector<CaseName> cases_in(const std::filesystem::path& program, const std::filesystem::path& object,
                               const std::string& suite);
int print_cases(const std::filesystem::path& object, const std::string& suite);

// The part of it that runs in such a process: prints one line of JSON.
int print_counts(const std::filesystem::path& object, const std::string& case_name, std::uint64_t operations);

// Whether valgrind is there.
bool can_count_instructions();

}  // namespace vmbsave::gate
