#include "restore/channel_restore.hpp"

#include <cstring>
#include <new>

namespace vmbsave::restore {

Status ChannelRestore::feed(std::span<const std::byte> bytes) noexcept {
  const Status status = check(bytes);
  return status == Status::kSuccess ? run() : status;
}

Status ChannelRestore::check(std::span<const std::byte> bytes) noexcept {
  fault_ = RestoreFault::kNone;
  fault_transaction_ = 0;
  if (!may_feed()) return outcome(RestoreFault::kInUse);
  state_ = State::kUnderway;
  const RestoreFault fault = guarded([&] { return reader_.take(bytes, limits()); });
  if (fault != RestoreFault::kNone) {
    reset(State::kNew);
    return outcome(fault);
  }
  if (!reader_.complete()) return Status::kMoreProcessingRequired;
  state_ = State::kChecked;
  return Status::kSuccess;
}

Status ChannelRestore::run() noexcept {
  if (state_ != State::kChecked) return outcome(RestoreFault::kInUse);
  // If something was sent between two chunks: its id may be one of the stream's.
  RestoreFault fault = RestoreFault::kInUse;
  if (channel_.table().count_used() == 0) {
    fault = guarded([this] { return run_callbacks(); });
    if (fault != RestoreFault::kNone) channel_.drop_all();
  }
  reset(fault == RestoreFault::kNone ? State::kDone : State::kNew);
  return outcome(fault);
}

bool ChannelRestore::may_feed() const noexcept {
  if (state_ == State::kDone || state_ == State::kChecked) return false;
  return state_ == State::kUnderway || channel_.table().count_used() == 0;
}

template <class Step>
RestoreFault ChannelRestore::guarded(Step&& step) noexcept {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    return RestoreFault::kNoMemory;
  } catch (...) {
    return RestoreFault::kException;
  }
}

// What becomes of a call with this fault, or without one.
Status ChannelRestore::outcome(RestoreFault fault) noexcept {
  fault_ = fault;
  return fault == RestoreFault::kRefused ? refusal_ : restore_fault_status(fault);
}

// What a channel abandons has no limits of its own.
StreamLimits ChannelRestore::limits() const noexcept {
  const packet::ChannelConfig& config = channel_.config();
  if (config.abandon_on_restore) return {};
  return {.guest_packets = config.capacity,
          .host_packets = config.sends,
          .payload_bytes = config.result_bytes,
          .can_restore = config.restore_packet != nullptr};
}

RestoreFault ChannelRestore::run_callbacks() {
  // Also what is abandoned keeps its ids: the guest may answer.
  channel_.reserve(reader_.body().next_sequence, reader_.body().next_send);
  if (channel_.config().abandon_on_restore) return RestoreFault::kNone;
  channel_.restore_target = this;
  return channel_.restore(reader_.body().packets, [this] {
    RestoreFault fault = RestoreFault::kNone;
    reader_.for_each_record([&](const StreamRecord& record) {
      fault = run_callback(record);
      if (fault != RestoreFault::kNone) fault_transaction_ = record.lib.transaction_id;
      return fault == RestoreFault::kNone;
    });
    return fault;
  });
}

RestoreFault ChannelRestore::run_callback(const StreamRecord& record) {
  current_ = &record;
  adopted_ = false;
  violated_ = false;
  const auto lib_bytes = static_cast<std::uint32_t>(sizeof(image::LibBuf) + record.lib.payload_bytes);
  const packet::ChannelConfig& config = channel_.config();
  // The documented signature has no const; the bytes are the VSP's to read.
  const auto status =
      static_cast<Status>(config.restore_packet(config.handle, const_cast<std::byte*>(record.lib_buf), lib_bytes,
                                                const_cast<std::byte*>(record.save_buf), record.lib.save_bytes));
  current_ = nullptr;
  // The one means progress to the caller of a restore, and a failure would be taken for it; the other means later, and
  // there is none.
  if (status == Status::kMoreProcessingRequired || status == Status::kPending) return RestoreFault::kContract;
  if (!succeeded(status)) {
    refusal_ = status;
    return RestoreFault::kRefused;
  }
  return adopted_ && !violated_ ? RestoreFault::kNone : RestoreFault::kContract;
}

Status ChannelRestore::restore_packet(packet::Packet& packet, std::span<const std::byte> lib_buf) noexcept {
  if (current_ == nullptr) return Status::kInvalidDeviceState;
  const std::size_t expected = sizeof(image::LibBuf) + current_->lib.payload_bytes;
  if (adopted_ || packet.in_use || lib_buf.size() != expected ||
      std::memcmp(lib_buf.data(), current_->lib_buf, expected) != 0) {
    violated_ = true;
    return Status::kInvalidParameter;
  }
  const image::LibBuf& lib = current_->lib;
  packet.transaction_id = lib.transaction_id;
  packet.sequence = lib.sequence;
  packet.completion_requested = (lib.flags & image::kLibBufCompletionRequested) != 0;
  packet.queued = (lib.flags & image::kLibBufQueued) != 0;
  packet.data_bytes = lib.payload_bytes;
  if (lib.payload_bytes != 0) {
    std::memcpy(packet.payload(channel_.config().context_bytes), current_->lib_buf + sizeof lib, lib.payload_bytes);
  }
  switch (channel_.adopt(packet, static_cast<packet::Direction>(lib.direction))) {
    case packet::ClaimStatus::kClaimed:
      adopted_ = true;
      return Status::kSuccess;
    case packet::ClaimStatus::kPaused:
      return Status::kDeviceBusy;
    case packet::ClaimStatus::kFull:
      return Status::kQuotaExceeded;
  }
  return Status::kUnsuccessful;
}

void ChannelRestore::reset(State state) noexcept {
  state_ = state;
  channel_.restore_target = nullptr;
  reader_.clear();
  current_ = nullptr;
}

}  // namespace vmbsave::restore
