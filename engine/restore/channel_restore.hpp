// channel_restore.hpp: restores one channel from its stream, in whole chunks. Nothing of the VSP runs before the last
// chunk is there and the stream has proven consistent; then RestorePacket is called in order of sequence numbers.
//
// One thread. The channel must be empty and not started. Holds a copy of what it was fed until the last chunk comes.
// Source of the contract: VmbChannelRestoreFromBuffer, EVT_VMB_CHANNEL_RESTORE_PACKET, VmbPacketRestore.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/vm.hpp"
#include "restore/stream_reader.hpp"

namespace vmbsave::restore {

class ChannelRestore final : public packet::RestoreTarget {
 public:
  explicit ChannelRestore(packet::Channel& channel) noexcept : channel_(channel) {}

  // kMoreProcessingRequired: taken, more chunks were saved. kSuccess: every packet is in use again. Else: the channel
  // is empty, and the next feed starts a new restore; with kInvalidDeviceState for a channel that is in use or was
  // restored already, nothing has changed. Statuses: restore_fault_status of fault(), or RestorePacket's own.
  Status feed(std::span<const std::byte> bytes) noexcept;

  // The two halves of feeding a whole stream: check runs nothing of the VSP, run calls RestorePacket for each packet.
  // Between them `bytes` must stay as they are.
  Status check(std::span<const std::byte> bytes) noexcept;
  Status run() noexcept;

  // Nothing was restored yet, and the channel is empty or a restore has begun.
  bool may_feed() const noexcept;

  // A restore has begun and has not succeeded or failed.
  bool underway() const noexcept { return state_ == State::kUnderway; }

  // Why the last call failed, where in the stream that chunk begins, and whose RestorePacket it was.
  RestoreFault fault() const noexcept { return fault_; }
  std::uint64_t fault_offset() const noexcept { return reader_.fault_offset(); }
  std::uint64_t fault_transaction() const noexcept { return fault_transaction_; }

  Status restore_packet(packet::Packet& packet, std::span<const std::byte> lib_buf) noexcept override;

 private:
  enum class State : std::uint8_t { kNew, kUnderway, kChecked, kDone };

  template <class Step>
  RestoreFault guarded(Step&& step) noexcept;
  Status outcome(RestoreFault fault) noexcept;
  StreamLimits limits() const noexcept;
  RestoreFault run_callbacks();
  RestoreFault run_callback(const StreamRecord& record);
  void reset(State state) noexcept;

  packet::Channel& channel_;
  State state_ = State::kNew;
  StreamReader reader_;
  RestoreFault fault_ = RestoreFault::kNone;
  Status refusal_ = Status::kSuccess;  // RestorePacket's own, for kRefused
  std::uint64_t fault_transaction_ = 0;
  const StreamRecord* current_ = nullptr;  // whose RestorePacket runs
  bool adopted_ = false;                   // it has called VmbPacketRestore
  bool violated_ = false;                  // it has called it wrongly
};

}  // namespace vmbsave::restore
