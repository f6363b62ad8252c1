// incoming.cpp: what a guest's signal sets off: the packets of its ring, in batches.
#include <algorithm>
#include <limits>

#include "kmcl/channel.hpp"

using vmbsave::Status;
using vmbsave::kmcl::Gate;
using vmbsave::packet::ClaimStatus;
using vmbsave::packet::Packet;
using vmbsave::packet::to_handle;

namespace {

void add(vmbsave::base::Atomic<std::uint64_t>& counter) noexcept {
  counter.store_relaxed(counter.load_relaxed() + 1);  // of the thread inside the gate alone
}

void consume(VMBCHANNEL__& channel) noexcept { channel.transport.Consume(channel.transport_context); }

// What is on the ring is not a packet that this channel takes: nothing behind it can be trusted.
NTSTATUS fail_queue(VMBCHANNEL__& channel) noexcept {
  channel.queue_failed.store_relaxed(true);
  return STATUS_INVALID_DEVICE_STATE;
}

std::uint32_t quota_of(const VMBCHANNEL__& channel) noexcept {
  return std::min(channel.quota.load_relaxed(), channel.channel->table().capacity());
}

vmbsave::packet::Channel::Received claim_within_quota(VMBCHANNEL__& channel) noexcept {
  const auto& table = channel.channel->table();
  const std::uint32_t quota = quota_of(channel);
  if (quota < table.capacity() && table.count_incoming() >= quota) return {ClaimStatus::kFull, nullptr};
  return channel.channel->claim();
}

// If nothing is free, the next completion wakes the channel. One that came meanwhile is not missed: its slot counts as
// leaving, and is waited for.
vmbsave::packet::Channel::Received claim(VMBCHANNEL__& channel) noexcept {
  auto received = claim_within_quota(channel);
  if (received.status != ClaimStatus::kFull) return received;
  channel.gate.block();
  for (unsigned round = 0; channel.channel->table().meet_completions() < quota_of(channel); ++round) {
    received = claim_within_quota(channel);
    if (received.status != ClaimStatus::kFull) {
      channel.gate.unblock();
      return received;
    }
    vmbsave::base::Atomic<std::uint64_t>::wait_round(round);
  }
  add(channel.counters.quota_stops);
  return received;
}

bool fill(VMBCHANNEL__& channel, Packet& packet, const VMBS_INCOMING_PACKET& incoming) noexcept {
  packet.transaction_id = incoming.TransactionId;
  packet.completion_requested = incoming.CompletionRequested != 0;
  packet.external_pending = incoming.ExternalDataPending != 0;
  if (incoming.ExternalRangeCount == 0) return true;
  packet.external_data = channel.external_data.build(
      packet.slot, {static_cast<const std::byte*>(incoming.ExternalRanges), incoming.ExternalRangeBytes},
      incoming.ExternalRangeCount);
  return packet.external_data != nullptr;
}

// Hands a published packet to the VSP, again if it asks for that. Whatever it does, a save does not wait for it for
// ever.
NTSTATUS indicate(VMBCHANNEL__& channel, Packet& packet, const VMBS_INCOMING_PACKET& incoming) noexcept {
  const vmbsave::kmcl::CallScope inside(channel.vm, &channel);
  const UINT32 flags = incoming.ExternalRangeCount != 0 ? VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA : 0;
  NTSTATUS status = STATUS_SUCCESS;
  channel.indicating = &packet;
  channel.deferred = false;
  try {
    do {
      channel.indicate_again = false;
      channel.process_packet(&channel, to_handle(&packet), incoming.Buffer, incoming.BufferLength, flags);
    } while (channel.indicate_again && channel.channel->table().in_use(packet.slot));
  } catch (...) {
    status = STATUS_UNHANDLED_EXCEPTION;
  }
  channel.indicating = nullptr;
  channel.channel->indicated();
  return channel.queue_failed.load_relaxed() ? STATUS_INVALID_DEVICE_STATE : status;
}

void release_room(VMBCHANNEL__& channel, const VMBS_INCOMING_PACKET& incoming) noexcept {
  if (incoming.CompletionRequested == 0) return;
  channel.transport.ReleaseCompletion(channel.transport_context, channel.config.result_bytes);
}

NTSTATUS take_data(VMBCHANNEL__& channel, const VMBS_INCOMING_PACKET& incoming, UINT32& taken) noexcept {
  if (channel.process_packet == nullptr) return STATUS_DEVICE_BUSY;
  if (incoming.CompletionRequested != 0 &&
      channel.transport.ReserveCompletion(channel.transport_context, channel.config.result_bytes) == 0) {
    add(channel.counters.room_stops);
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  const auto [status, packet] = claim(channel);
  if (status != ClaimStatus::kClaimed) {
    release_room(channel, incoming);
    return status == ClaimStatus::kPaused ? STATUS_DEVICE_BUSY : STATUS_INSUFFICIENT_RESOURCES;
  }
  if (!fill(channel, *packet, incoming)) {
    channel.channel->unclaim(*packet);
    release_room(channel, incoming);
    return fail_queue(channel);
  }
  consume(channel);
  ++taken;
  add(channel.counters.received);
  channel.channel->publish(*packet);
  return indicate(channel, *packet, incoming);
}

NTSTATUS take_completion(VMBCHANNEL__& channel, const VMBS_INCOMING_PACKET& incoming, UINT32& taken) noexcept {
  const Status status = channel.sends.answer(
      incoming.TransactionId, {static_cast<std::byte*>(incoming.Buffer), incoming.BufferLength}, consume);
  if (status == Status::kDeviceBusy) return STATUS_DEVICE_BUSY;
  ++taken;
  add(status == Status::kSuccess ? channel.counters.answered : channel.counters.stray_completions);
  return STATUS_SUCCESS;
}

void end_batch(VMBCHANNEL__& channel, UINT32 packets) noexcept {
  if (packets == 0) return;
  add(channel.counters.batches);
  if (channel.processing_complete == nullptr) return;
  const vmbsave::kmcl::CallScope inside(channel.vm, &channel);
  try {
    channel.processing_complete(&channel, packets);
  } catch (...) {
    channel.counters.misuses.fetch_add_relaxed(1);
  }
}

// One batch; `taken` counts packets of either kind.
NTSTATUS process(VMBCHANNEL__& channel, UINT32 most, UINT32& taken) noexcept {
  channel.sends.flush();
  const std::uint64_t before = channel.counters.received.load_relaxed();
  NTSTATUS status = STATUS_SUCCESS;
  for (;;) {
    if (channel.queue_failed.load_relaxed()) status = STATUS_INVALID_DEVICE_STATE;
    if (channel.gate.closing()) status = STATUS_DEVICE_BUSY;
    if (!NT_SUCCESS(status)) break;
    VMBS_INCOMING_PACKET incoming{};
    const NTSTATUS peeked = channel.transport.Peek(channel.transport_context, &incoming);
    if (peeked == STATUS_NO_MORE_ENTRIES) break;
    if (peeked != STATUS_SUCCESS) {
      status = fail_queue(channel);
      break;
    }
    if (taken == most) {
      status = STATUS_MORE_ENTRIES;
      break;
    }
    const bool is_completion = incoming.Type == VMBS_INCOMING_COMPLETION;
    status = is_completion ? take_completion(channel, incoming, taken) : take_data(channel, incoming, taken);
  }
  end_batch(channel, static_cast<UINT32>(channel.counters.received.load_relaxed() - before));
  return status;
}

}  // namespace

NTSTATUS VmbsChannelProcessIncoming(VMBCHANNEL Channel, UINT32 MaximumPackets, PUINT32 PacketsProcessed) {
  UINT32 taken = 0;
  if (PacketsProcessed != nullptr) *PacketsProcessed = 0;
  if (!vmbsave::kmcl::is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (vmbsave::kmcl::called_by_callback(*Channel)) return STATUS_INVALID_DEVICE_STATE;
  const Gate::Entry entry = Channel->gate.enter();
  if (entry == Gate::Entry::kAnother) return STATUS_SUCCESS;
  if (entry == Gate::Entry::kClosed) return STATUS_DEVICE_BUSY;
  const UINT32 most = MaximumPackets == 0 ? std::numeric_limits<UINT32>::max() : MaximumPackets;
  NTSTATUS status;
  do {
    status = process(*Channel, most, taken);
  } while (Channel->gate.leave());
  if (PacketsProcessed != nullptr) *PacketsProcessed = taken;
  return status;
}
