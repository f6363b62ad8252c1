// Knows what the guest saw, and on purpose nothing of how the VSP keeps and saves it.
#include "vsp/netvsp/reference.hpp"

#include "vsp/little_endian_writer.hpp"

namespace vmbsave::netvsp {
namespace {

constexpr std::uint32_t kMostBuffers = 38;  // that 65,553 bytes and 60 of header take, 1,728 in each

std::uint32_t transmit_state(const VMBS_VSP_REQUEST& request, std::uint8_t* out) {
  bench::LittleEndianWriter writer(out);
  writer.put(0x5453564E, 4);  // "NVST"
  writer.put(1, 2);
  writer.put(20, 2);
  writer.put(request.record + 1, 8);
  writer.put(request.outcome, 4);
  return 20;
}

std::uint32_t receive_state(const VMBS_VSP_REQUEST& request, std::uint8_t* out) {
  const std::uint32_t size = 20 + 4 * request.buffers;
  bench::LittleEndianWriter writer(out);
  writer.put(0x5253564E, 4);  // "NVSR"
  writer.put(1, 2);
  writer.put(size, 2);
  writer.put(request.transaction_id, 8);
  writer.put(request.buffers, 4);
  for (std::uint32_t i = 0; i < request.buffers; ++i) writer.put(request.first_buffer + i, 4);
  return size;
}

}  // namespace

std::uint32_t reference_state(const VMBS_VSP_REQUEST* request, std::uint8_t* out) {
  if (request->operation == VMBS_VSP_TRANSMIT) return transmit_state(*request, out);
  const bool received =
      request->operation == VMBS_VSP_RECEIVE && request->buffers != 0 && request->buffers <= kMostBuffers;
  return received ? receive_state(*request, out) : 0;
}

}  // namespace vmbsave::netvsp
