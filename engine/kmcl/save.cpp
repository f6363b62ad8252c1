#include <cstring>
#include <span>

#include "kmcl/channel.hpp"

using vmbsave::Status;
using vmbsave::kmcl::to_ntstatus;

namespace {

// As many whole chunks of the channel's stream as fit.
NTSTATUS hand_out(VMBCHANNEL__& channel, PVOID buffer, ULONG size, ULONG& filled, ULONG& required) noexcept {
  const vmbsave::save::ImageView image = channel.vm->session().image();
  auto* const first = static_cast<std::byte*>(buffer);
  std::span<const std::byte> next = image.chunk(channel.number, channel.next_chunk);
  for (; !next.empty() && next.size() <= size - filled; next = image.chunk(channel.number, ++channel.next_chunk)) {
    std::memcpy(first + filled, next.data(), next.size());
    filled += static_cast<ULONG>(next.size());
  }
  required = static_cast<ULONG>(next.size());
  if (next.empty()) {
    channel.saved = true;
    return STATUS_SUCCESS;
  }
  return filled == 0 ? STATUS_BUFFER_TOO_SMALL : STATUS_BUFFER_OVERFLOW;
}

}  // namespace

NTSTATUS vmbsave::kmcl::begin_save(VMBCHANNEL channel, std::optional<SavePlan> alone) noexcept {
  if (!is_live(channel)) return STATUS_INVALID_PARAMETER_1;
  if (called_by_vm_callback(*channel)) return STATUS_INVALID_DEVICE_STATE;
  if (!is_enabled(channel) || channel->saving || channel->restore->underway()) return STATUS_INVALID_DEVICE_STATE;
  channel->saved = false;
  channel->number = 0;
  channel->next_chunk = 0;
  return to_ntstatus(channel->vm->join_save(*channel, alone));
}

NTSTATUS VmbChannelSaveBegin(VMBCHANNEL Channel) { return vmbsave::kmcl::begin_save(Channel); }

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
  const std::span<std::byte> room(static_cast<std::byte*>(SaveBuffer), SaveBufferSize);
  std::uint64_t direct = 0;
  if (const Status status = Channel->vm->run_save(*Channel, room, direct); status != Status::kSuccess) {
    return to_ntstatus(status);
  }
  if (direct != 0) {
    *BytesFilled = static_cast<ULONG>(direct);
    Channel->saved = true;
    return STATUS_SUCCESS;
  }
  return hand_out(*Channel, SaveBuffer, SaveBufferSize, *BytesFilled, *BytesRequired);
}

VOID VmbChannelSaveEnd(VMBCHANNEL Channel) {
  if (!vmbsave::kmcl::is_live(Channel) || vmbsave::kmcl::called_by_vm_callback(*Channel)) return;
  Channel->vm->leave_save(*Channel);
}
