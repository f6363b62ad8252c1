// trace_request.hpp: what a VSP is given for a request of a trace.
#pragma once

#include <cstdint>

#include "trace/trace.hpp"
#include "vmbsave/vsp.h"

namespace vmbsave::bench {

inline VMBS_VSP_REQUEST vsp_request(const trace::Request& from, std::uint64_t record) {
  VMBS_VSP_REQUEST request{};
  request.record = record;
  request.lba = from.lba;
  request.tag = from.tag;
  request.bytes = from.bytes;
  request.first_byte = from.first_byte;
  request.operation = static_cast<UINT8>(from.operation);
  return request;
}

}  // namespace vmbsave::bench
