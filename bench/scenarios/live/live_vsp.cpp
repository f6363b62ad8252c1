#include "scenarios/live/live_vsp.hpp"

#include <cstring>

#include "vsp/storvsp/request.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::bench {
namespace {

bool is_good_reply(const guest::Received& packet) {
  storvsp::VstorPacket reply;
  if (packet.payload.size() != sizeof reply) return false;
  std::memcpy(&reply, packet.payload.data(), sizeof reply);
  return reply.operation == storvsp::kCompleteIo && reply.status == STATUS_SUCCESS &&
         reply.request.srb_status == storvsp::kSrbSuccess && reply.request.data_transfer_length == kLiveBlockBytes &&
         reply.request.queue_sort_key == static_cast<std::uint32_t>(packet.transaction_id - 1);
}

}  // namespace

const VMBS_VSP& live_vsp(const LiveSpec& spec) noexcept {
  return spec.vsp == nullptr ? *vmbs_vsp_storvsp() : *spec.vsp;
}

const char* live_vsp_fault(const VMBS_VSP& vsp) {
  if (vsp.create_device != nullptr || vsp.retire != nullptr) return "its requests hold something of a device";
  VMBS_VSP_REQUEST request{};
  request.bytes = kLiveBlockBytes;
  for (const UINT8 operation : {UINT8{VMBS_VSP_READ}, UINT8{VMBS_VSP_WRITE}}) {
    VMBS_VSP_PACKET packet{};
    request.operation = operation;
    if (!NT_SUCCESS(vsp.encode(nullptr, &request, &packet))) return "it takes no reads and writes of 4096 bytes";
  }
  return "";
}

std::optional<DiskCommand> command_of(const LiveSpec& spec, VMBPACKET packet, const VMBS_VSP_REQUEST& request,
                                      std::uint64_t disk_sectors) {
  if (spec.vsp == nullptr) return disk_command(storvsp::context_of(packet).request, disk_sectors);
  return DiskCommand{request.operation == VMBS_VSP_WRITE, request.lba, request.bytes / storvsp::kBlockBytes};
}

bool is_good_completion(const LiveSpec& spec, const guest::Received& packet) {
  if (spec.vsp == nullptr) return is_good_reply(packet);
  if (spec.vsp->outcome == nullptr) return true;
  NTSTATUS status = STATUS_UNSUCCESSFUL;
  const auto* const bytes = reinterpret_cast<const UINT8*>(packet.payload.data());
  return NT_SUCCESS(spec.vsp->outcome(bytes, static_cast<UINT32>(packet.payload.size()), &status)) &&
         status == STATUS_SUCCESS;
}

}  // namespace vmbsave::bench
