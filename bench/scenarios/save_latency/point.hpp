// point.hpp: one point of the scenario "save latency at scale": which packets are in use when the VM is saved.
#pragma once

#include <cstdint>
#include <string>

namespace vmbsave::bench {

struct Point {
  std::uint32_t channels = 16;
  std::uint32_t packets = 65'536;       // in use, over all channels; all with state
  std::uint32_t state_min_bytes = 32;   // sizes are uniform between these two, both included, in steps of 8
  std::uint32_t state_max_bytes = 272;  // see state_capacities in vsp/blob
  std::uint32_t skew_percent = 0;    // not 0: so many of the packets are in use on channel 0, the rest is dealt evenly
  bool concurrent_callbacks = true;  // SavePacket may run for several packets of one channel at once
  bool in_order = false;             // the packets lie in memory as they arrived: none has completed yet
  bool operator==(const Point&) const = default;
};

// As it stands in the names of benchmarks: "channels:16/packets:65536/state:32-272", and then "/skew:90",
// "/serial_callbacks" and "/in_order" where that holds.
std::string point_name(const Point& point);

// Packets in use on a channel of the point.
std::uint32_t packets_on(const Point& point, std::uint32_t channel);

}  // namespace vmbsave::bench
