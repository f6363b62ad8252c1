#include "vsp/netvsp/netvsp.h"

#include <new>

#include "vmbsave/kmcl_ext.h"
#include "vsp/netvsp/guest.hpp"
#include "vsp/netvsp/packet_context.hpp"
#include "vsp/netvsp/receive_sections.hpp"
#include "vsp/netvsp/reference.hpp"
#include "vsp/netvsp/rndis.hpp"
#include "vsp/netvsp/save_state.hpp"
#include "vsp/netvsp/transmit.hpp"
#include "vsp/netvsp/vnic.hpp"
#include "vsp/vsp_channel.hpp"

namespace vmbsave::netvsp {
namespace {

struct NetChannel : bench::VspChannel {
  explicit NetChannel(const VMBS_VSP_BACKEND& of) : VspChannel{of, {}}, vnic(vnic_of(of.device)), sections(vnic) {}

  Vnic& vnic;
  ReceiveSections sections;  // of the packets that await the guest
};

NetChannel& net_channel(VMBCHANNEL channel) { return static_cast<NetChannel&>(bench::vsp_channel(channel)); }

// ---- transmits: packets of the guest -----------------------------------------------------------------------------

// The last use of a packet: its context may belong to another one as soon as this returns.
void send_completion(VMBPACKETCOMPLETION packet, NvspStatus status) {
  NvspSendRndisComplete reply{kSendRndisPacketComplete, status, {}};
  VmbChannelPacketComplete(packet, &reply, sizeof(reply));
}

void settle(VMBPACKETCOMPLETION packet, NTSTATUS status) {
  context_of(packet).settle(NT_SUCCESS(status) ? TransmitStatus::kSent : TransmitStatus::kDropped);
}

// Settled before it is completed: a save that finds the packet completed and not yet delivered says what it became.
void complete(VMBPACKETCOMPLETION packet, NTSTATUS status) {
  settle(packet, status);
  const bool sent = context_of(packet).load_status() == TransmitStatus::kSent;
  send_completion(packet, sent ? kNvspSuccess : kNvspFailure);
}

void process_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32 length, UINT32 flags) {
  const NetChannel& self = net_channel(channel);
  PacketContext& context = context_of(packet);
  if (!receive_transmit(packet, buffer, length, flags, self.vnic, context)) return;
  if (context.kind == PacketKind::kMalformed) {
    send_completion(packet, kNvspInvalidRndis);
  } else {
    self.backend.submit(self.backend.context, packet, VmbsPacketGetTransactionId(packet));
  }
}

// A restored transmit's frame is not here, and whether it left there nobody knows: it counts as dropped, unless its
// status was saved.
void finish(const bench::VspChannel&, VMBPACKET packet) {
  if (context_of(packet).kind == PacketKind::kMalformed) {
    send_completion(packet, kNvspInvalidRndis);
  } else {
    complete(packet, STATUS_UNSUCCESSFUL);
  }
}

// ---- receives: packets of the VSP --------------------------------------------------------------------------------

// Whatever the answer says, the guest has let go of the sections; or the channel was closed.
void on_answer(VMBPACKET packet, NTSTATUS, PVOID, UINT32) {
  const PacketContext& context = context_of(packet);
  net_channel(VmbPacketGetChannel(packet)).sections.give(context.first_section, context.sections);
  VmbPacketFree(packet);
}

// After a success the packet may be answered, and gone.
NTSTATUS send_frame(NetChannel& self, VMBPACKET packet, const VMBS_VSP_REQUEST& request) {
  const std::uint32_t bytes = message_bytes(request.bytes);
  const std::uint32_t count = receive_sections(bytes);
  const std::uint32_t first = self.sections.take(count);
  if (first == kNoSection) return STATUS_INSUFFICIENT_RESOURCES;
  write_message(self.vnic.receive_section(first), request.record, request.bytes, request.tag);
  context_of(packet) = {PacketKind::kReceive, TransmitStatus::kInFlight, first, count};
  VmbPacketSetCompletionRoutine(packet, on_answer);
  ReceivePacket message{{kSendRndisPacket, kRndisData, kNoSection, 0, {}},
                        {kReceiveSetId, 0, 0, 1, bytes, first * kReceiveSectionBytes}};
  const NTSTATUS status =
      VmbPacketSend(packet, &message, sizeof(message), nullptr, VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION);
  if (!NT_SUCCESS(status)) self.sections.give(first, count);
  return status;
}

NTSTATUS deliver(VMBCHANNEL channel, const VMBS_VSP_REQUEST* request) {
  if (request->operation != VMBS_VSP_RECEIVE || !is_frame_length(request->bytes)) return STATUS_INVALID_PARAMETER;
  const VMBPACKET packet = VmbPacketAllocate(channel);
  if (packet == nullptr) return STATUS_QUOTA_EXCEEDED;
  const NTSTATUS status = send_frame(net_channel(channel), packet, *request);
  if (!NT_SUCCESS(status)) VmbPacketFree(packet);
  return status;
}

// ---- save and restore --------------------------------------------------------------------------------------------

// The hot path of a save. Neither kind's size changes while the packet is in use.
NTSTATUS save_packet(VMBCHANNEL, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size, PUINT32 bytes_needed) {
  const PacketContext& context = context_of(packet);
  const std::uint32_t bytes = state_bytes(context);
  *bytes_needed = bytes;
  if (bytes > save_buf_size) return STATUS_BUFFER_TOO_SMALL;
  if (bytes != 0) write_state(context, VmbsPacketGetTransactionId(packet), save_buf);
  return STATUS_SUCCESS;
}

// A packet saved without state keeps the zeroes of VmbPacketAllocate: malformed, to be refused when re-issued. The
// library and the VSP each saved the id: a difference means that their states were mixed up.
NTSTATUS restore_packet(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_buf_size, PVOID save_buf, UINT32 save_buf_size) {
  NetChannel& self = net_channel(channel);
  std::uint64_t saved_id = 0;
  const auto read = [&](VMBPACKET packet) {
    if (save_buf_size == 0) return true;
    PacketContext& context = context_of(packet);
    if (!read_state(save_buf, save_buf_size, context, saved_id)) return false;
    if (context.kind != PacketKind::kReceive) return true;
    VmbPacketSetCompletionRoutine(packet, on_answer);
    return self.sections.claim(context.first_section, context.sections);
  };
  const auto is_own = [&](VMBPACKET packet) {
    return save_buf_size == 0 || saved_id == VmbsPacketGetTransactionId(packet);
  };
  const auto is_reissued = [](VMBPACKET packet) { return context_of(packet).kind != PacketKind::kReceive; };
  const NTSTATUS status = self.restored.restore(channel, lib_buf, lib_buf_size, read, is_own, is_reissued);
  if (!NT_SUCCESS(status)) self.sections.give_all();  // the library drops what was restored before it
  return status;
}

// ---- life of a channel -------------------------------------------------------------------------------------------

constexpr UINT32 kMaximumSends = 1024;

NTSTATUS configure(VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend) {
  const NTSTATUS status = bench::init_channel(channel, {.context_bytes = sizeof(PacketContext),
                                                        .packet_bytes = sizeof(ReceivePacket),
                                                        .external_bytes = VMBS_VSP_MAX_RANGES * kPageBytes,
                                                        .external_ranges = VMBS_VSP_MAX_RANGES,
                                                        .sends = kMaximumSends,
                                                        .process_packet = process_packet,
                                                        .save_packet = save_packet,
                                                        .restore_packet = restore_packet,
                                                        .concurrent_callbacks = true});
  if (!NT_SUCCESS(status)) return status;
  auto* const self = new (std::nothrow) NetChannel(*backend);
  if (self == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  VmbChannelSetPointer(channel, static_cast<bench::VspChannel*>(self));
  return STATUS_SUCCESS;
}

void release(VMBCHANNEL channel) {
  NetChannel& self = net_channel(channel);
  self.sections.give_all();
  delete &self;
  VmbChannelSetPointer(channel, nullptr);
}

constexpr VMBS_VSP kNetvsp{
    .version = VMBS_VSP_VERSION,
    .size = sizeof(VMBS_VSP),
    .name = "netvsp",
    .max_state_bytes = kMaxStateBytes,
    .concurrent_callbacks = 1,
    .create_device = create_device,
    .destroy_device = destroy_device,
    .configure = configure,
    .complete = complete,
    .settle = settle,
    .deliver = deliver,
    .reissue = bench::reissue<finish>,
    .release = release,
    .encode = encode,
    .retire = retire,
    .outcome = outcome,
    .accept = accept,
    .answer = answer,
    .reference_state = reference_state,
};

}  // namespace
}  // namespace vmbsave::netvsp

const VMBS_VSP* vmbs_vsp_netvsp(void) { return &vmbsave::netvsp::kNetvsp; }
