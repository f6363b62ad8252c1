#include "verify/endpoint.hpp"

#include <utility>

namespace vmbsave::verify {
namespace {

Endpoint& endpoint(PVOID context) noexcept { return *static_cast<Endpoint*>(context); }

std::vector<UINT8> copied(const VOID* bytes, UINT32 length) {
  const auto* const first = static_cast<const UINT8*>(bytes);
  return {first, first + length};
}

template <class Value>
void append(std::vector<UINT8>& bytes, Value value) {
  const auto* const first = reinterpret_cast<const UINT8*>(&value);
  bytes.insert(bytes.end(), first, first + sizeof value);
}

// Each range: its length, where it begins, the numbers of its pages.
std::vector<UINT8> ranges_of(const VMBS_VSP_PACKET& packet) {
  std::vector<UINT8> bytes;
  const UINT64* page = packet.pages;
  for (UINT32 i = 0; i < packet.range_count; ++i) {
    const VMBS_VSP_RANGE& range = packet.ranges[i];
    append(bytes, range.byte_count);
    append(bytes, range.byte_offset);
    for (UINT32 p = 0; p < range.page_count; ++p) append(bytes, *page++);
  }
  return bytes;
}

// Room for completions is never short here.
BOOLEAN reserve_completion(PVOID, UINT32) { return 1; }
VOID release_completion(PVOID, UINT32) {}
VOID wake_nobody(PVOID) {}

}  // namespace

const VMBS_TRANSPORT& Endpoint::transport() noexcept {
  static constexpr VMBS_TRANSPORT kTransport{.Size = sizeof(VMBS_TRANSPORT),
                                             .Peek = peek,
                                             .Consume = consume,
                                             .ReserveCompletion = reserve_completion,
                                             .ReleaseCompletion = release_completion,
                                             .SendCompletion = complete,
                                             .SendPacket = take_packet,
                                             .Wake = wake_nobody};
  return kTransport;
}

void Endpoint::send(std::uint64_t transaction_id, const VMBS_VSP_PACKET& packet) {
  incoming_.push_back(
      {VMBS_INCOMING_DATA, transaction_id, copied(packet.bytes, packet.length), ranges_of(packet), packet.range_count});
}

void Endpoint::answer(std::uint64_t transaction_id, std::span<const UINT8> bytes) {
  incoming_.push_back({VMBS_INCOMING_COMPLETION, transaction_id, {bytes.begin(), bytes.end()}, {}, 0});
}

std::vector<Arrival> Endpoint::take_completions() {
  const std::lock_guard lock(mutex_);
  return std::exchange(completions_, {});
}

std::vector<Arrival> Endpoint::take_packets() {
  const std::lock_guard lock(mutex_);
  return std::exchange(packets_, {});
}

NTSTATUS Endpoint::peek(PVOID context, VMBS_INCOMING_PACKET* packet) {
  auto& incoming = endpoint(context).incoming_;
  if (incoming.empty()) return STATUS_NO_MORE_ENTRIES;
  Incoming& next = incoming.front();
  *packet = {};
  packet->Type = next.type;
  packet->CompletionRequested = 1;
  packet->TransactionId = next.transaction_id;
  packet->Buffer = next.bytes.data();
  packet->BufferLength = static_cast<UINT32>(next.bytes.size());
  packet->ExternalRangeCount = next.range_count;
  packet->ExternalRanges = next.ranges.data();
  packet->ExternalRangeBytes = static_cast<UINT32>(next.ranges.size());
  return STATUS_SUCCESS;
}

VOID Endpoint::consume(PVOID context) {
  // The packet's bytes are the VSP's until its ProcessPacket has returned, so that it stays until the next Peek: moved
  // behind, not destroyed.
  Endpoint& self = endpoint(context);
  self.taken_ = std::move(self.incoming_.front());
  self.incoming_.pop_front();
}

VOID Endpoint::complete(PVOID context, UINT32, UINT64 transaction_id, const VOID* bytes, UINT32 length) {
  Endpoint& self = endpoint(context);
  const std::lock_guard lock(self.mutex_);
  self.completions_.push_back({transaction_id, false, copied(bytes, length)});
}

BOOLEAN Endpoint::take_packet(PVOID context, UINT64 transaction_id, BOOLEAN requested, const VOID* bytes,
                              UINT32 length) {
  Endpoint& self = endpoint(context);
  const std::lock_guard lock(self.mutex_);
  self.packets_.push_back({transaction_id, requested != 0, copied(bytes, length)});
  return 1;
}

}  // namespace vmbsave::verify
