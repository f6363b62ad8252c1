#include <cstring>

#include "kmcl/channel.hpp"

using vmbsave::Status;
using vmbsave::kmcl::to_ntstatus;

namespace {

// Bytes of the chunk at the start of `rest`; 0 if there is none.
std::uint32_t chunk_bytes(std::span<const std::byte> rest) noexcept {
  vmbsave::image::ChunkHeader header{};
  if (!rest.empty()) std::memcpy(&header, rest.data(), sizeof header);
  return header.bytes;
}

// How many bytes of whole chunks fit into `room`.
std::uint64_t whole_chunks(std::span<const std::byte> rest, std::uint64_t room) noexcept {
  std::uint64_t filled = 0;
  for (std::uint32_t next = chunk_bytes(rest); next != 0 && next <= room - filled;
       next = chunk_bytes(rest.subspan(filled))) {
    filled += next;
  }
  return filled;
}

NTSTATUS hand_out(VMBCHANNEL__& channel, PVOID buffer, ULONG size, ULONG& filled, ULONG& required) noexcept {
  const std::span<const std::byte> rest = channel.vm->session().stream(channel.number).subspan(channel.cursor);
  filled = static_cast<ULONG>(whole_chunks(rest, size));
  if (filled != 0) std::memcpy(buffer, rest.data(), filled);
  channel.cursor += filled;
  required = chunk_bytes(rest.subspan(filled));
  if (required == 0) {
    channel.saved = true;
    return STATUS_SUCCESS;
  }
  return filled == 0 ? STATUS_BUFFER_TOO_SMALL : STATUS_BUFFER_OVERFLOW;
}

}  // namespace

NTSTATUS VmbChannelSaveBegin(VMBCHANNEL Channel) {
  if (!vmbsave::kmcl::is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (vmbsave::kmcl::called_by_vm_callback(*Channel)) return STATUS_INVALID_DEVICE_STATE;
  if (!vmbsave::kmcl::is_enabled(Channel) || Channel->saving || Channel->restore->underway()) {
    return STATUS_INVALID_DEVICE_STATE;
  }
  Channel->saved = false;
  Channel->number = 0;
  Channel->cursor = 0;
  return to_ntstatus(Channel->vm->join_save(*Channel));
}

NTSTATUS VmbChannelSaveContinue(VMBCHANNEL Channel, PVOID SaveBuffer, ULONG SaveBufferSize, PULONG BytesFilled,
                                PULONG BytesRequired) {
  if (!vmbsave::kmcl::is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (BytesFilled == nullptr || BytesRequired == nullptr || (SaveBuffer == nullptr && SaveBufferSize != 0)) {
    return STATUS_INVALID_PARAMETER;
  }
  *BytesFilled = 0;
  *BytesRequired = 0;
  if (vmbsave::kmcl::called_by_vm_callback(*Channel)) return STATUS_INVALID_DEVICE_STATE;
  if (!Channel->saving || Channel->saved || Channel->disable_pending) return STATUS_INVALID_DEVICE_STATE;
  if (const Status status = Channel->vm->run_save(); status != Status::kSuccess) return to_ntstatus(status);
  return hand_out(*Channel, SaveBuffer, SaveBufferSize, *BytesFilled, *BytesRequired);
}

VOID VmbChannelSaveEnd(VMBCHANNEL Channel) {
  if (!vmbsave::kmcl::is_live(Channel) || vmbsave::kmcl::called_by_vm_callback(*Channel)) return;
  Channel->vm->leave_save(*Channel);
}
