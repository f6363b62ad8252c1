#include "e2e/migration/transport.hpp"

#include <algorithm>
#include <cstring>

namespace vmbsave::migration {

NTSTATUS Transport::open(VMBCHANNEL channel) {
  static constexpr auto self = [](PVOID context) -> Transport& { return *static_cast<Transport*>(context); };
  static constexpr VMBS_TRANSPORT kFunctions{
      .Size = sizeof(VMBS_TRANSPORT),
      .Peek = [](PVOID context, VMBS_INCOMING_PACKET* packet) -> NTSTATUS { return self(context).peek(*packet); },
      .Consume = [](PVOID context) -> VOID { self(context).consume(); },
      // The guest has no more requests under way than the ring has entries.
      .ReserveCompletion = [](PVOID, UINT32) -> BOOLEAN { return 1; },
      .ReleaseCompletion = [](PVOID, UINT32) -> VOID {},
      .SendCompletion = [](PVOID context, UINT32, UINT64 transaction_id, const VOID* buffer, UINT32 length) -> VOID {
        self(context).send_completion(transaction_id, buffer, length);
      },
      .SendPacket = [](PVOID, UINT64, BOOLEAN, const VOID*, UINT32) -> BOOLEAN { return 0; },
      .Wake = [](PVOID context) -> VOID { self(context).shared_.host_bell.ring(); },
  };
  return VmbsChannelOpen(channel, &kFunctions, this);
}

NTSTATUS Transport::peek(VMBS_INCOMING_PACKET& packet) {
  const Submission* const entry = rings_.to_host.peek();
  if (entry == nullptr) return STATUS_NO_MORE_ENTRIES;
  taken_ = *entry;
  const VMBS_VSP_PACKET& sent = taken_.packet;
  const VMBS_VSP_RANGE& range = sent.ranges[0];
  if (sent.range_count > 1 || sent.length > VMBS_VSP_MAX_INLINE) return STATUS_INVALID_PARAMETER;
  if (sent.range_count == 1 && range.page_count > VMBS_VSP_MAX_PAGES) return STATUS_INVALID_PARAMETER;
  packet = {};
  packet.Type = VMBS_INCOMING_DATA;
  packet.CompletionRequested = 1;
  packet.TransactionId = taken_.transaction_id;
  packet.Buffer = taken_.packet.bytes;
  packet.BufferLength = sent.length;
  if (sent.range_count != 0) {
    range_[0] = range.byte_count | std::uint64_t{range.byte_offset} << 32;
    std::copy_n(sent.pages, range.page_count, range_.begin() + 1);
    packet.ExternalRangeCount = 1;
    packet.ExternalRanges = range_.data();
    packet.ExternalRangeBytes = 8 + 8 * range.page_count;
  }
  return STATUS_SUCCESS;
}

void Transport::consume() {
  if (!new_allowed_.load() || reissued_.load() != 0) shared_.complain(kTakenTooEarly);
  rings_.to_host.consume();
}

void Transport::send_completion(std::uint64_t transaction_id, const void* buffer, std::uint32_t length) {
  Completion completion{transaction_id, length, {}};
  std::memcpy(completion.bytes.data(), buffer, std::min<std::size_t>(length, completion.bytes.size()));
  {
    const std::lock_guard lock(sending_);
    if (!rings_.to_guest.push(completion)) shared_.complain("more completions than the guest has requests");
  }
  delivered_.fetch_add(1);
  shared_.guest_bell.ring();
}

}  // namespace vmbsave::migration
