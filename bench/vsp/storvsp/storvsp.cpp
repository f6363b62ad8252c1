#include "vsp/storvsp/storvsp.h"

#include <new>

#include "vmbsave/kmcl_ext.h"
#include "vsp/restored_packets.hpp"
#include "vsp/storvsp/guest.hpp"
#include "vsp/storvsp/reference.hpp"
#include "vsp/storvsp/request.hpp"
#include "vsp/storvsp/save_state.hpp"

namespace vmbsave::storvsp {
namespace {

struct StorvspChannel {
  VMBS_VSP_BACKEND backend;
  bench::RestoredPackets restored;
};

StorvspChannel& storvsp_channel(VMBCHANNEL channel) {
  return *static_cast<StorvspChannel*>(VmbChannelGetPointer(channel));
}

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

void start(const StorvspChannel& self, VMBPACKET packet) {
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
  if (receive_request(packet, buffer, length, flags, context)) start(storvsp_channel(channel), packet);
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
  return storvsp_channel(channel).restored.restore(channel, lib_buf, lib_buf_size, read, is_own_state);
}

// ---- life of a channel -------------------------------------------------------------------------------------------

NTSTATUS init_channel(VMBCHANNEL channel) {
  constexpr auto set_save_restore = VmbServerChannelInitSetSaveRestorePacketCallbacks;
  NTSTATUS status = VmbChannelInitSetClientContextSize(channel, sizeof(PacketContext));
  if (NT_SUCCESS(status)) status = VmbChannelInitSetMaximumPacketSize(channel, sizeof(VstorPacket));
  if (NT_SUCCESS(status)) status = VmbChannelInitSetMaximumExternalData(channel, kMaxDataBytes, 1);
  if (NT_SUCCESS(status)) status = VmbsChannelInitSetMaximumSends(channel, 0);  // it only ever answers
  if (NT_SUCCESS(status)) status = VmbChannelInitSetProcessPacketCallbacks(channel, process_packet, nullptr);
  if (NT_SUCCESS(status)) status = set_save_restore(channel, save_packet, restore_packet);
  if (NT_SUCCESS(status)) status = VmbsChannelInitSetConcurrentCallbacks(channel, 1);
  return status;
}

NTSTATUS configure(VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend) {
  auto* self = new (std::nothrow) StorvspChannel{*backend, {}};
  if (self == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  const NTSTATUS status = init_channel(channel);
  if (!NT_SUCCESS(status)) {
    delete self;
    return status;
  }
  VmbChannelSetPointer(channel, self);
  return STATUS_SUCCESS;
}

// Each packet leaves the list before it starts: when start returns, its context may be another request's.
void reissue(VMBCHANNEL channel) {
  StorvspChannel& self = storvsp_channel(channel);
  for (VMBPACKET packet = self.restored.pop(); packet != nullptr; packet = self.restored.pop()) start(self, packet);
}

void release(VMBCHANNEL channel) {
  delete &storvsp_channel(channel);
  VmbChannelSetPointer(channel, nullptr);
}

constexpr VMBS_VSP kStorvsp{
    .version = VMBS_VSP_VERSION,
    .size = sizeof(VMBS_VSP),
    .name = "storvsp",
    .max_state_bytes = kMaxStateBytes,
    .concurrent_callbacks = 1,
    .configure = configure,
    .complete = complete,
    .reissue = reissue,
    .release = release,
    .encode = encode,
    .reference_state = reference_state,
};

}  // namespace
}  // namespace vmbsave::storvsp

const VMBS_VSP* vmbs_vsp_storvsp(void) { return &vmbsave::storvsp::kStorvsp; }
