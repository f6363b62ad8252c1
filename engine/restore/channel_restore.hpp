// channel_restore.hpp: restores one channel from its stream, in whole chunks. Nothing of the VSP runs before the last
// chunk is there and the stream has proven consistent; then RestorePacket is called in order of sequence numbers.
//
// One thread. The channel must be empty and not started. Holds a copy of what it was fed until the last chunk comes.
// Source of the contract: VmbChannelRestoreFromBuffer, EVT_VMB_CHANNEL_RESTORE_PACKET, VmbPacketRestore.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "image/chunk_reader.hpp"
#include "packet/vm.hpp"

namespace vmbsave::restore {

class ChannelRestore final : public packet::RestoreTarget {
 public:
  explicit ChannelRestore(packet::Channel& channel) noexcept : channel_(channel) {}

  // kMoreProcessingRequired: taken, more chunks were saved. kSuccess: every packet is in use again. Else: the channel
  // is empty, and the next feed starts a new restore. Besides the statuses of read_chunk:
  //   kDataError            chunks in another order than they were saved, or contents that contradict each other
  //   kQuotaExceeded        more packets than the channel holds
  //   kObjectNameCollision  a transaction id twice
  //   kInvalidDeviceState   the channel is not empty, or was restored already: then nothing has changed
  //   kInvalidDeviceRequest RestorePacket succeeded without one VmbPacketRestore of its own LibBuf
  //   any other             RestorePacket's own
  Status feed(std::span<const std::byte> bytes) noexcept;

  // The two halves of feeding a whole stream: check runs nothing of the VSP, run calls RestorePacket for each packet.
  // Between them `bytes` must stay as they are.
  Status check(std::span<const std::byte> bytes) noexcept;
  Status run() noexcept;

  // Nothing was restored yet, and the channel is empty or a restore has begun.
  bool may_feed() const noexcept;

  // A restore has begun and has not succeeded or failed.
  bool underway() const noexcept { return state_ == State::kUnderway; }

  Status restore_packet(packet::Packet& packet, std::span<const std::byte> lib_buf) noexcept override;

 private:
  enum class State : std::uint8_t { kNew, kUnderway, kChecked, kDone };
  struct AlignedDelete {
    void operator()(std::byte* bytes) const noexcept;
  };
  // A record, located and checked.
  struct Located {
    image::LibBuf lib;
    const std::byte* lib_buf;
    const std::byte* save_buf;
  };

  template <class Step>
  Status guarded(Step&& step) noexcept;
  Status take(std::span<const std::byte> bytes);
  Status accept(const image::Chunk& chunk);
  Status accept_channel(const image::Chunk& chunk) noexcept;
  void keep(std::size_t first_chunk);
  bool last_chunk_taken() const noexcept;
  Status read_blocks();
  Status read_block(const image::Chunk& block);
  Status order_records();
  const Located* find(const image::DirectoryEntry& entry) const noexcept;
  Status check_transaction_ids() const;
  Status run_callbacks();
  Status run_callback(const Located& record);
  void reset(State state) noexcept;

  packet::Channel& channel_;
  State state_ = State::kNew;
  image::ChannelBody body_{};
  std::uint32_t number_ = 0;  // of the channel, as its chunks say
  std::uint64_t bytes_taken_ = 0;
  std::vector<image::Chunk> chunks_;  // by ordinal
  std::vector<std::unique_ptr<std::byte[], AlignedDelete>> copies_;
  std::vector<Located> found_;            // in order of blocks
  std::vector<std::size_t> first_found_;  // of each block, and one past the last
  std::vector<Located> records_;          // in order of the directory
  std::uint32_t of_direction_[2] = {};    // packets found
  const Located* current_ = nullptr;      // whose RestorePacket runs
  bool adopted_ = false;                  // it has called VmbPacketRestore
  bool violated_ = false;                 // it has called it wrongly
};

}  // namespace vmbsave::restore
