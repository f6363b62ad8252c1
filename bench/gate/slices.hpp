// slices.hpp: what one fresh process measures: slices of base and head in turns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace vmbsave::gate {

enum class LoadedSide : std::uint8_t { kNone, kHead };

struct SliceOptions {
  std::filesystem::path base;
  std::filesystem::path head;
  std::string case_name;
  std::optional<unsigned> cpu;  // bound to it; absent: to none
  std::uint64_t seed = 1;       // of the order of everything
  unsigned rounds = 20;         // even: as many begin with base as with head
  std::uint64_t slice_ns = 1'000'000;
  LoadedSide loaded = LoadedSide::kNone;  // while its slices run, another thread copies memory: for the self-test
};

// A slice of base and one of head, one right behind the other, in either order. The control is the same copy of memory
// before each: what it says of the sides, the machine did.
struct Round {
  std::uint64_t base_ns = 0;
  std::uint64_t head_ns = 0;
  std::uint64_t base_control_ns = 0;
  std::uint64_t head_control_ns = 0;
};

struct Slices {
  std::uint64_t operations = 0;  // of each slice of either side
  std::vector<Round> rounds;     // after two that are not kept
};

// Throws SideFailed.
Slices measure_slices(const SliceOptions& options);

// Of one process, the median over its rounds of ln(head / base).
double log_ratio(const Slices& slices);
double control_log_ratio(const Slices& slices);

nlohmann::ordered_json slices_json(const Slices& slices);
Slices slices_of(const nlohmann::ordered_json& json);  // throws nlohmann::json::exception

}  // namespace vmbsave::gate
