#include "scenarios/vm/vsp_profile.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace vmbsave::bench {
namespace {

// Whether the VSP's guest would send it.
bool takes(const VMBS_VSP& vsp, UINT8 operation, UINT32 bytes) {
  VOID* const device = vsp.create_device == nullptr ? nullptr : vsp.create_device();
  VMBS_VSP_REQUEST request{};
  request.operation = operation;
  request.bytes = bytes;
  VMBS_VSP_PACKET packet{};
  const bool taken = NT_SUCCESS(vsp.encode(device, &request, &packet));
  if (taken && vsp.retire != nullptr) vsp.retire(device, packet.held);
  if (device != nullptr) vsp.destroy_device(device);
  return taken;
}

}  // namespace

VspProfile profile_of(const VMBS_VSP& vsp) {
  if (takes(vsp, VMBS_VSP_READ, 4096)) return {"cloudphysics", false};
  if (takes(vsp, VMBS_VSP_TRANSMIT, 64)) return {"smb2", true};
  throw std::runtime_error(
      fmt::format("{}: its encode takes neither a read of 4096 bytes nor a frame of 64", vsp.name));
}

}  // namespace vmbsave::bench
