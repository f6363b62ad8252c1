// vsp_fixture.hpp: a VM at the engine's level with a VSP whose every packet has a state that follows from its
// transaction id.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "image/chunk_reader.hpp"
#include "packet/vm.hpp"
#include "restore/image_restore.hpp"
#include "save/session.hpp"

namespace vmbsave::test {

// What a packet's client context holds, and what its SaveBuf starts with.
struct PacketState {
  std::uint64_t id = 0;
  std::uint32_t bytes = 0;  // of state; 0: stateless
};

inline std::uint8_t state_byte(std::uint64_t id, std::uint32_t i) {
  return static_cast<std::uint8_t>(id * 31 + i * 7 + 1);
}

struct Completion {
  std::uint64_t transaction_id;
  std::vector<std::uint8_t> result;
};

class TestChannel {
 public:
  TestChannel(packet::Vm& vm, packet::ChannelConfig config, bool callbacks = true) : vm_(vm) {
    config.handle = reinterpret_cast<VMBCHANNEL__*>(this);
    config.save_packet = callbacks ? on_save : nullptr;
    config.restore_packet = callbacks ? on_restore : nullptr;
    config.sink = on_completion;
    config.sink_context = this;
    config.context_bytes = sizeof(PacketState);
    channel_ = std::make_unique<packet::Channel>(vm.control(), config);
    EXPECT_TRUE(channel_->reserve());
    EXPECT_EQ(vm.attach(*channel_), Status::kSuccess);
  }
  ~TestChannel() { EXPECT_EQ(vm_.detach(*channel_), Status::kSuccess); }

  // A packet comes in; nullptr if the channel takes none now.
  packet::Packet* receive(std::uint64_t id, std::uint32_t state_bytes) {
    const auto [status, packet] = channel_->claim();
    if (status != packet::ClaimStatus::kClaimed) return nullptr;
    packet->transaction_id = id;
    packet->completion_requested = true;
    if (on_received) on_received(id);
    channel_->publish(*packet);
    if (before_state) before_state();
    state_of(packet) = {id, state_bytes};  // as ProcessPacket does: after the packet is in use
    channel_->indicated();
    return packet;
  }

  Status complete(packet::Packet* packet, std::uint8_t result = 0) {
    return channel_->complete(*packet, std::as_bytes(std::span(&result, 1)));
  }

  static PacketState& state_of(packet::Packet* packet) { return *reinterpret_cast<PacketState*>(packet->context()); }

  packet::Channel& operator*() { return *channel_; }
  packet::Channel* operator->() { return channel_.get(); }

  std::vector<Completion> completions() {
    const std::lock_guard lock(mutex_);
    return completions_;
  }

  // Faults, by transaction id.
  std::function<std::int32_t(std::uint64_t id, void* buf, std::uint32_t size, std::uint32_t* needed)> save_hook;
  std::function<std::int32_t(std::uint64_t id)> restore_hook;  // before anything else; not 0: returned
  std::function<void(std::span<const std::byte> lib_buf, std::span<const std::byte> save_buf)> on_restoring;
  std::function<void(std::uint64_t id)> on_received;   // when the packet has left the ring
  std::function<void(std::uint64_t id)> on_delivered;  // by whoever delivers its completion
  std::function<void()> before_state;  // runs in receive, when the packet is in use and the VSP has not seen it
  bool slow_delivery = false;          // so that slots stay in transit for a while
  std::vector<std::uint64_t> restored_order;

 private:
  static std::int32_t on_save(VMBCHANNEL__* handle, VMBPACKET__* packet, void* buf, std::uint32_t size,
                              std::uint32_t* needed) {
    auto& self = *reinterpret_cast<TestChannel*>(handle);
    const PacketState& state = state_of(packet::from_handle(packet));
    const auto* const first = static_cast<const std::uint8_t*>(buf);
    EXPECT_TRUE(std::all_of(first, first + size, [](std::uint8_t byte) { return byte == 0; })) << "of " << state.id;
    if (self.save_hook) {
      const std::int32_t status = self.save_hook(state.id, buf, size, needed);
      if (status != kPassOn) return status;
    }
    if (state.bytes == 0) return 0;
    *needed = state.bytes;
    if (size < state.bytes) return static_cast<std::int32_t>(Status::kBufferTooSmall);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buf) % 16, 0u);
    for (std::uint32_t i = 0; i < state.bytes; ++i) static_cast<std::uint8_t*>(buf)[i] = state_byte(state.id, i);
    return 0;
  }

  static std::int32_t on_restore(VMBCHANNEL__* handle, void* lib_buf, std::uint32_t lib_size, void* save_buf,
                                 std::uint32_t save_size) {
    auto& self = *reinterpret_cast<TestChannel*>(handle);
    image::LibBuf lib;
    std::memcpy(&lib, lib_buf, sizeof lib);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(lib_buf) % 16, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(save_buf) % 16, 0u);
    if (self.on_restoring) {
      self.on_restoring({static_cast<const std::byte*>(lib_buf), lib_size},
                        {static_cast<const std::byte*>(save_buf), save_size});
    }
    if (self.restore_hook) {
      if (const std::int32_t status = self.restore_hook(lib.transaction_id); status != kPassOn) return status;
    }
    for (std::uint32_t i = 0; i < save_size; ++i) {
      if (static_cast<const std::uint8_t*>(save_buf)[i] != state_byte(lib.transaction_id, i)) {
        return static_cast<std::int32_t>(Status::kDataError);
      }
    }
    packet::Packet* const packet = self.channel_->allocate();
    state_of(packet) = {lib.transaction_id, save_size};
    self.restored_order.push_back(lib.transaction_id);
    const Status status =
        self.channel_->restore_target->restore_packet(*packet, {static_cast<const std::byte*>(lib_buf), lib_size});
    if (status != Status::kSuccess) self.channel_->free(*packet);
    return static_cast<std::int32_t>(status);
  }

  static void on_completion(void* context, const packet::Packet& packet, const void* result) {
    auto& self = *static_cast<TestChannel*>(context);
    if (!packet.completion_requested) return;
    if (self.on_delivered) self.on_delivered(packet.transaction_id);
    const auto* first = static_cast<const std::uint8_t*>(result);
    if (self.slow_delivery) std::this_thread::yield();
    const std::lock_guard lock(self.mutex_);
    self.completions_.push_back({packet.transaction_id, {first, first + packet.data_bytes}});
  }

 public:
  static constexpr std::int32_t kPassOn = 0x0BADF00D;

 private:
  packet::Vm& vm_;
  std::unique_ptr<packet::Channel> channel_;
  std::mutex mutex_;
  std::vector<Completion> completions_;
};

// A VM and its channels.
class TestVm {
 public:
  explicit TestVm(unsigned channels = 1, packet::ChannelConfig config = {}) {
    for (unsigned i = 0; i < channels; ++i) channels_.push_back(std::make_unique<TestChannel>(vm, config));
  }

  TestChannel& operator[](std::size_t i) { return *channels_[i]; }
  std::size_t size() const { return channels_.size(); }

  std::uint64_t in_use() {
    std::uint64_t used = 0;
    for (auto& channel : channels_) used += (**channel).table().count_used();
    return used;
  }

  packet::Vm vm;
  save::SaveSession session{vm};

 private:
  std::vector<std::unique_ptr<TestChannel>> channels_;
};

// One packet of an image, as its record says.
struct SavedPacket {
  std::uint32_t channel;
  std::uint64_t id;
  std::uint64_t sequence;
  std::vector<std::uint8_t> state;
  bool operator==(const SavedPacket&) const = default;
};

// The packets of an image in directory order; fails the test if a chunk does not read.
inline std::vector<SavedPacket> packets_of(std::span<const std::byte> image) {
  std::vector<SavedPacket> packets;
  std::map<std::uint32_t, image::Chunk> blocks;
  while (!image.empty()) {
    image::Chunk chunk;
    const RestoreFault fault = image::read_chunk(image, chunk);
    EXPECT_EQ(fault, RestoreFault::kNone) << restore_fault_text(fault);
    if (fault != RestoreFault::kNone) return packets;
    if (chunk.kind() == image::ChunkKind::kChannel) blocks.clear();
    if (chunk.kind() == image::ChunkKind::kBlock) blocks[chunk.header.ordinal] = chunk;
    if (chunk.kind() == image::ChunkKind::kDirectory) {
      for (std::size_t at = 0; at < chunk.body().size(); at += sizeof(image::DirectoryEntry)) {
        image::DirectoryEntry entry;
        std::memcpy(&entry, chunk.body().data() + at, sizeof entry);
        image::Record record;
        EXPECT_TRUE(image::read_record(blocks.at(entry.ordinal), entry.offset, record));
        const auto* state = reinterpret_cast<const std::uint8_t*>(blocks.at(entry.ordinal).bytes.data());
        packets.push_back({chunk.header.channel,
                           record.lib.transaction_id,
                           record.lib.sequence,
                           {state + record.save_offset, state + record.save_offset + record.lib.save_bytes}});
      }
    }
    image = image.subspan(chunk.bytes.size());
  }
  return packets;
}

// The image of the last save, gathered from where its pieces lie.
inline std::vector<std::byte> image_of(const TestVm& vm) {
  std::vector<std::byte> bytes(vm.session.image().bytes());
  vm.session.image().copy_to(bytes.data());
  return bytes;
}

// begin and save; the caller ends. Fails the test if one fails.
inline std::vector<SavedPacket> save_packets(TestVm& vm, const SaveOptions& options) {
  EXPECT_EQ(vm.session.begin(options), Status::kSuccess);
  EXPECT_EQ(vm.session.save(), Status::kSuccess);
  return packets_of(image_of(vm));
}
inline std::vector<SavedPacket> save_packets(TestVm& vm, Executor* executor = nullptr) {
  return save_packets(vm, {.executor = executor});
}

}  // namespace vmbsave::test
