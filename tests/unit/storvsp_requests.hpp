// What the storvsp tests start from: requests, their packets, and the states that a save must give.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "vsp/storvsp/storvsp.h"
#include "vsp_line.hpp"

namespace vmbsave::storvsp {

using bench::Bytes;

inline const VMBS_VSP& vsp() { return *vmbs_vsp_storvsp(); }

inline VMBS_VSP_REQUEST request(std::uint64_t record, std::uint8_t operation, std::uint64_t lba, std::uint32_t bytes,
                                std::uint32_t first_byte = 0, std::uint64_t tag = 0) {
  VMBS_VSP_REQUEST made{};
  made.record = record;
  made.lba = lba;
  made.tag = tag;
  made.bytes = bytes;
  made.first_byte = first_byte;
  made.operation = operation;
  return made;
}

inline VMBS_VSP_PACKET encoded(const VMBS_VSP_REQUEST& request) {
  VMBS_VSP_PACKET packet{};
  EXPECT_EQ(vsp().encode(nullptr, &request, &packet), STATUS_SUCCESS);
  return packet;
}

inline Bytes reference(const VMBS_VSP_REQUEST& request) {
  Bytes state(vsp().max_state_bytes);
  state.resize(vsp().reference_state(&request, state.data()));
  return state;
}

}  // namespace vmbsave::storvsp
