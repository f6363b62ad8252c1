// What the netvsp tests start from: a vNIC, frames, their packets, and the states that a save must give.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "vsp/netvsp/netvsp.h"
#include "vsp/netvsp/vnic.hpp"
#include "vsp/netvsp/wire.hpp"
#include "vsp_line.hpp"

namespace vmbsave::netvsp {

using bench::Bytes;

inline const VMBS_VSP& vsp() { return *vmbs_vsp_netvsp(); }

class Device {
 public:
  Device() : vnic_(static_cast<Vnic*>(vsp().create_device())) { EXPECT_NE(vnic_, nullptr); }
  ~Device() { vsp().destroy_device(vnic_); }
  Device(const Device&) = delete;

  Vnic* operator->() const { return vnic_; }
  VOID* get() const { return vnic_; }

 private:
  Vnic* const vnic_;
};

inline VMBS_VSP_REQUEST frame(std::uint64_t record, std::uint8_t operation, std::uint32_t bytes,
                              std::uint32_t first_byte = 0, std::uint64_t flow = 0) {
  VMBS_VSP_REQUEST made{};
  made.record = record;
  made.tag = flow;
  made.bytes = bytes;
  made.first_byte = first_byte;
  made.operation = operation;
  return made;
}

inline VMBS_VSP_REQUEST transmit(std::uint64_t record, std::uint32_t bytes = 1514, std::uint8_t outcome = 0) {
  VMBS_VSP_REQUEST made = frame(record, VMBS_VSP_TRANSMIT, bytes);
  made.outcome = outcome;
  return made;
}

inline VMBS_VSP_REQUEST receive(std::uint64_t record, std::uint32_t bytes = 1514) {
  return frame(record, VMBS_VSP_RECEIVE, bytes);
}

inline VMBS_VSP_PACKET encoded(const Device& device, const VMBS_VSP_REQUEST& request) {
  VMBS_VSP_PACKET packet{};
  EXPECT_EQ(vsp().encode(device.get(), &request, &packet), STATUS_SUCCESS);
  return packet;
}

inline Bytes reference(const VMBS_VSP_REQUEST& request) {
  Bytes state(vsp().max_state_bytes);
  state.resize(vsp().reference_state(&request, state.data()));
  return state;
}

}  // namespace vmbsave::netvsp
