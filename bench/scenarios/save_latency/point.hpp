// point.hpp: one point of the scenario "save latency at scale": which packets are in use when the VM is saved.
#pragma once

#include <cstdint>
#include <string>

#include "vmbsave/vsp.h"

namespace vmbsave::bench {

// Where the sizes of states come from: the point's own range, or what storvsp saves for the requests of a measured
// trace (state_mix.hpp).
enum class Mix : std::uint8_t { kNone, kOpenCas, kCloudPhysics };
const char* mix_name(Mix mix) noexcept;  // "none", "open-cas", "cloudphysics"

struct Point {
  std::uint32_t channels = 16;
  std::uint32_t packets = 65'536;       // in use, over all channels
  std::uint32_t state_min_bytes = 32;   // sizes are uniform between these two, both included, in steps of 8
  std::uint32_t state_max_bytes = 272;  // 0: no packet has state. A mix has bounds of its own: see mixed_point
  std::uint32_t skew_percent = 0;    // not 0: so many of the packets are in use on channel 0, the rest is dealt evenly
  bool concurrent_callbacks = true;  // SavePacket may run for several packets of one channel at once
  bool in_order = false;             // the packets lie in memory as they arrived: none has completed yet
  std::uint32_t stateful_percent = 100;  // of the packets have state, whichever; the others say so in their first call
  std::uint32_t callback_ns = 0;         // what each SavePacket call takes longer
  std::uint32_t slow_callback_ns = 0;    // what each call of one packet in a hundred takes longer beside that
  Mix mix = Mix::kNone;
  // The VSP that the packets belong to; nullptr: blob. Of another one what its states and callbacks take is its own
  // affair: the sizes above are those that a probe of it found (latency/vsp_rows.hpp).
  const VMBS_VSP* vsp = nullptr;
  bool operator==(const Point&) const = default;
};

// As it stands in the names of benchmarks: "channels:16/packets:65536/state:32-272", and then "/skew:90",
// "/serial_callbacks", "/in_order", "/stateful:50", "/callback_ns:500", "/slow_1_percent_ns:20000", "/mix:open-cas"
// and "/vsp:NAME" where that holds.
std::string point_name(const Point& point);

// "blob", or the name of another VSP.
const char* vsp_name(const Point& point) noexcept;

// Packets in use on a channel of the point.
std::uint32_t packets_on(const Point& point, std::uint32_t channel);

}  // namespace vmbsave::bench
