#include "vsp/storvsp/storvsp.h"

#include "vmbsave/kmcl_ext.h"
#include "vsp/storvsp/guest.hpp"
#include "vsp/storvsp/reference.hpp"
#include "vsp/storvsp/request.hpp"
#include "vsp/storvsp/save_state.hpp"
#include "vsp/vsp_channel.hpp"

namespace vmbsave::storvsp {
namespace {

// ---- completion --------------------------------------------------------------------------------------------------

// The last use of a packet: its context may belong to another request as soon as this returns.
void send_completion(VMBPACKETCOMPLETION packet, const ScsiRequest& request, SrbStatus srb_status, NTSTATUS status) {
  VstorPacket reply{
      .operation = kCompleteIo, .flags = 0, .status = static_cast<std::uint32_t>(status), .request = request};
  reply.request.srb_status = srb_status;
  reply.request.scsi_status = 0;
  if (srb_status != kSrbSuccess) reply.request.data_transfer_length = 0;
  VmbChannelPacketComplete(packet, &reply, sizeof(reply));
}

// For a packet without a usable request: nothing that the guest wrote is sent back.
void refuse(VMBPACKETCOMPLETION packet) {
  ScsiRequest request{};
  request.length = sizeof(request);
  send_completion(packet, request, kSrbInvalidRequest, STATUS_INVALID_PARAMETER);
}

void complete(VMBPACKETCOMPLETION packet, NTSTATUS status) {
  send_completion(packet, context_of(packet).request, NT_SUCCESS(status) ? kSrbSuccess : kSrbError, status);
}

void start(const bench::VspChannel& self, VMBPACKET packet) {
  const PacketContext& context = context_of(packet);
  if (has_request(context)) {
    self.backend.submit(self.backend.context, packet, context.transaction_id);
  } else {
    refuse(packet);
  }
}

// ---- callbacks ---------------------------------------------------------------------------------------------------

// The buffer is gone after this call, and the MDL with the completion; a save may come before that. Hence the copy.
void process_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32 length, UINT32 flags) {
  PacketContext& context = context_of(packet);
  context.transaction_id = VmbsPacketGetTransactionId(packet);
  if (receive_request(packet, buffer, length, flags, context)) start(bench::vsp_channel(channel), packet);
}

// The hot path of a save.
NTSTATUS save_packet(VMBCHANNEL, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size, PUINT32 bytes_needed) {
  const PacketContext& context = context_of(packet);
  const std::uint32_t bytes = has_request(context) ? state_bytes(context.range_words) : 0;
  *bytes_needed = bytes;
  if (bytes > save_buf_size) return STATUS_BUFFER_TOO_SMALL;
  if (bytes != 0) write_state(context, save_buf);
  return STATUS_SUCCESS;
}

// The library and the VSP each saved the id: a difference means that their states were mixed up.
bool is_own_state(VMBPACKET packet) {
  const PacketContext& context = context_of(packet);
  return !has_request(context) || context.transaction_id == VmbsPacketGetTransactionId(packet);
}

// A packet saved without state keeps the zeroes of VmbPacketAllocate: no request, to be refused when re-issued.
NTSTATUS restore_packet(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_buf_size, PVOID save_buf, UINT32 save_buf_size) {
  const auto read = [&](VMBPACKET packet) {
    return save_buf_size == 0 || read_state(save_buf, save_buf_size, context_of(packet));
  };
  return bench::vsp_channel(channel).restored.restore(channel, lib_buf, lib_buf_size, read, is_own_state);
}

// ---- life of a channel -------------------------------------------------------------------------------------------

NTSTATUS configure(VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend) {
  return bench::configure_channel(channel, *backend,
                                  {.context_bytes = sizeof(PacketContext),
                                   .packet_bytes = sizeof(VstorPacket),
                                   .external_bytes = kMaxDataBytes,
                                   .process_packet = process_packet,
                                   .save_packet = save_packet,
                                   .restore_packet = restore_packet,
                                   .concurrent_callbacks = true});
}

constexpr VMBS_VSP kStorvsp{
    .version = VMBS_VSP_VERSION,
    .size = sizeof(VMBS_VSP),
    .name = "storvsp",
    .max_state_bytes = kMaxStateBytes,
    .concurrent_callbacks = 1,
    .create_device = nullptr,
    .destroy_device = nullptr,
    .configure = configure,
    .complete = complete,
    .settle = nullptr,
    .deliver = nullptr,
    .reissue = bench::reissue<start>,
    .release = bench::release,
    .encode = encode,
    .retire = nullptr,
    .outcome = outcome,
    .accept = nullptr,
    .answer = nullptr,
    .reference_state = reference_state,
};

}  // namespace
}  // namespace vmbsave::storvsp

const VMBS_VSP* vmbs_vsp_storvsp(void) { return &vmbsave::storvsp::kStorvsp; }
