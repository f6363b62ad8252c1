#include "guest/host_end.hpp"

namespace vmbsave::guest {
namespace {

std::span<const std::byte> bytes(const VOID* buffer, UINT32 length) noexcept {
  return {static_cast<const std::byte*>(buffer), length};
}

// C takes buffers by pointers that are not const; these point into the reader's private copy.
PVOID pointer(std::span<const std::byte> bytes) noexcept {
  return bytes.empty() ? nullptr : const_cast<std::byte*>(bytes.data());
}

}  // namespace

bool HostEnd::attach() noexcept {
  told_broken_.store_relaxed(false);
  const bool readable = reader_.attach();
  return writer_.attach() && readable;
}

VMBS_TRANSPORT HostEnd::transport() noexcept {
  return {sizeof(VMBS_TRANSPORT), peek,        consume, reserve_completion, release_completion,
          send_completion,        send_packet, wake};
}

NTSTATUS HostEnd::peek(PVOID context, VMBS_INCOMING_PACKET* packet) noexcept {
  HostEnd& host = of(context);
  if (host.writer_.broken()) return STATUS_DATA_ERROR;
  ParsedPacket parsed;
  const PeekStatus status = host.reader_.peek(parsed);
  if (status == PeekStatus::kEmpty) return STATUS_NO_MORE_ENTRIES;
  if (status == PeekStatus::kMalformed) return STATUS_DATA_ERROR;
  const bool is_completion = parsed.type == PacketType::kCompletion;
  *packet = {};
  packet->Type = is_completion ? VMBS_INCOMING_COMPLETION : VMBS_INCOMING_DATA;
  packet->CompletionRequested = parsed.completion_requested && !is_completion ? 1 : 0;
  packet->ExternalDataPending = parsed.range_count != 0 && host.external_data_pending_ ? 1 : 0;
  packet->TransactionId = parsed.transaction_id;
  packet->Buffer = pointer(parsed.payload);
  packet->BufferLength = static_cast<UINT32>(parsed.payload.size());
  packet->ExternalRangeCount = parsed.range_count;
  packet->ExternalRanges = pointer(parsed.gpa_ranges);
  packet->ExternalRangeBytes = static_cast<UINT32>(parsed.gpa_ranges.size());
  return STATUS_SUCCESS;
}

VOID HostEnd::consume(PVOID context) noexcept {
  HostEnd& host = of(context);
  if (host.reader_.consume() && host.guest_writer_.room_came()) host.signals_.interrupt_guest();
}

BOOLEAN HostEnd::reserve_completion(PVOID context, UINT32 length) noexcept {
  HostEnd& host = of(context);
  return host.writer_.reserve(ring_bytes(length)) ? 1 : host.no_room();
}

VOID HostEnd::release_completion(PVOID context, UINT32 length) noexcept {
  HostEnd& host = of(context);
  if (host.writer_.release(ring_bytes(length))) host.signals_.signal_host();
}

VOID HostEnd::send_completion(PVOID context, UINT32 reserved_length, UINT64 transaction_id, const VOID* buffer,
                              UINT32 length) noexcept {
  HostEnd& host = of(context);
  const OutgoingPacket packet{
      .type = PacketType::kCompletion, .transaction_id = transaction_id, .payload = bytes(buffer, length)};
  host.signal(host.writer_.put_reserved(ring_bytes(reserved_length), packet));
}

BOOLEAN HostEnd::send_packet(PVOID context, UINT64 transaction_id, BOOLEAN completion_requested, const VOID* buffer,
                             UINT32 length) noexcept {
  HostEnd& host = of(context);
  const OutgoingPacket packet{.completion_requested = completion_requested != 0,
                              .transaction_id = transaction_id,
                              .payload = bytes(buffer, length)};
  const PutResult result = host.writer_.put(packet);
  if (result.status != PutResult::Status::kWritten) return host.no_room();
  host.signal(result);
  return 1;
}

VOID HostEnd::wake(PVOID context) noexcept { of(context).signals_.signal_host(); }

void HostEnd::signal(const PutResult& result) noexcept {
  if (result.signal_reader) signals_.interrupt_guest();
  if (result.room_came) signals_.signal_host();
}

// In a ring that the guest broke there never will be any: the next peek says so.
BOOLEAN HostEnd::no_room() noexcept {
  if (writer_.broken() && !told_broken_.load_relaxed()) {
    told_broken_.store_relaxed(true);
    signals_.signal_host();
  }
  return 0;
}

}  // namespace vmbsave::guest
