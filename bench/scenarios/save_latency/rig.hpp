// rig.hpp: a VM with the packets of a point in use on its channels, put there by guests over their rings, after
// some traffic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scenarios/save_latency/point.hpp"
#include "scenarios/save_latency/state_mix.hpp"
#include "scenarios/save_latency/vsp_requests.hpp"
#include "scenarios/vm/verify.hpp"
#include "vmbsave/kmcl_ext.h"
#include "vmbsave/vsp.h"

namespace vmbsave::bench {

class Machine;

class Rig {
 public:
  // Throws std::runtime_error with one clear line: no memory, or a point that cannot be.
  explicit Rig(const Point& point);
  ~Rig();
  Rig(const Rig&) = delete;

  const Point& point() const noexcept { return point_; }
  Machine& machine() noexcept { return *machine_; }
  const VMBS_VSP& vsp() const noexcept { return vsp_; }

  // The packets in use on a channel, in order of arrival, and the requests that they came from.
  std::span<const VMBPACKET> packets(std::uint32_t channel) const noexcept;
  std::span<const VMBS_VSP_REQUEST> requests(std::uint32_t channel) const noexcept;
  const std::vector<std::vector<VMBS_VSP_REQUEST>>& requests() const noexcept { return requests_; }  // by channel

  // Bytes of state of each packet of a channel, as its VSP says them.
  std::span<const std::uint32_t> state_bytes(std::uint32_t channel) const noexcept { return state_bytes_[channel]; }
  // What states are compared with where the VSP does not say what they must be: what it gave packet by packet, before
  // any save.
  StatesOfVsp states() const noexcept { return {.known = states_.empty() ? nullptr : &states_}; }
  const State* known_state(std::uint32_t channel, std::size_t packet) const noexcept {
    return states_.empty() ? nullptr : &states_[channel][packet];
  }

  // The memory that packet objects and their states lie in: what has to leave the caches before a cold save.
  std::vector<std::span<const std::byte>> packet_memory() const;

 private:
  VMBS_VSP_REQUEST request_of(std::uint64_t record) const;
  void put_in_use();
  void submit(std::uint32_t channel);
  void churn();
  void fill(std::uint32_t channel);
  void replace_one(std::uint32_t channel, std::uint64_t random);
  void drain(std::uint32_t channel);
  void look_up_packets();
  void look_up_states();

  const Point point_;
  const VMBS_VSP& vsp_;
  const std::vector<std::uint32_t> quotas_;  // by channel
  std::optional<StateMix> mix_;              // of a point with one
  std::optional<VspRequests> vsp_requests_;  // of a point with a VSP of its own
  std::unique_ptr<Machine> machine_;
  std::uint64_t next_record_ = 0;
  std::vector<std::vector<VMBPACKET>> packets_;          // by channel
  std::vector<std::vector<VMBS_VSP_REQUEST>> requests_;  // by channel
  std::vector<std::vector<std::uint32_t>> state_bytes_;  // by channel
  SavedStates states_;                                   // by channel, of a VSP without reference_state
};

// Of all packets of a rig, in records without gaps.
std::uint64_t bytes_of_records(const Rig& rig);

}  // namespace vmbsave::bench
