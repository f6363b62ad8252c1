// host_spec.hpp: one row of the scenario "host": how many virtual machines are saved, and in which order.
#pragma once

#include <cstdint>
#include <string>

namespace vmbsave::bench {

enum class HostOrder : std::uint8_t {
  kAtOnce,  // the cut of every VM first; then each thread saves the next one that nobody has
  kInTurn,  // one VM after the other, each with up to all threads, its cut when its turn comes
};
const char* order_name(HostOrder order) noexcept;  // "at_once", "in_turn"

inline constexpr const char* kOwnVsps = "storvsp, netvsp";

struct HostSpec {
  std::uint32_t vms = 1024;
  std::uint32_t packets = 64;  // in use in each
  HostOrder order = HostOrder::kAtOnce;
  unsigned threads = 1;
  std::uint64_t deadline_ns = 300'000'000;  // of each VM's blackout
  std::uint64_t memory_budget = 0;          // bytes that the process may have resident; 0: no limit
  std::string vsp = kOwnVsps;               // of the channels; else the name of the one of --vsp
  unsigned rounds = 21;                     // saves of each VM that are timed
};

// Such as "host/vms:1024/at_once/threads:2", and then "/vsp:NAME".
std::string host_name(const HostSpec& spec);

}  // namespace vmbsave::bench
