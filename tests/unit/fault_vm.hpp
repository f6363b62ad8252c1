// fault_vm.hpp: a VM whose VSP allocates nothing in its callbacks, does something wrong at a callback of a given
// number, and counts what the guest gets.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "packet/vm.hpp"
#include "save/session.hpp"
#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {

// Which callback: the two calls of SavePacket, and RestorePacket.
enum class Callback : unsigned { kFirst, kSecond, kRestore };

enum class Wrong : unsigned {
  kNothing,
  kFails,      // of a first call: with BytesNeeded 0
  kGrows,      // a second call asks for more
  kThrows,     // what nobody has heard of
  kThrowsBad,  // std::bad_alloc
  kCalls,      // runs FaultVm::hook and goes on
  kForgets,    // RestorePacket succeeds without VmbPacketRestore
};

struct CallbackFault {
  Callback callback = Callback::kFirst;
  Wrong wrong = Wrong::kNothing;
  std::uint64_t at = 0;  // from 1 on
};

class FaultVm {
 public:
  static constexpr std::uint32_t kSends = 3;  // of each channel, in use all the time
  static constexpr std::size_t kMostIds = 1'000'000;

  explicit FaultVm(unsigned channels) : delivered_(kMostIds) {
    for (unsigned c = 0; c < channels; ++c) channels_.push_back(std::make_unique<Endpoint>(*this));
  }

  // So many packets of the guest on each channel, and kSends of the host.
  void fill(std::uint32_t packets) {
    for (auto& endpoint : channels_) {
      while (endpoint->held.size() < packets) endpoint->receive(next_id_++);
      while (endpoint->sent.size() < kSends) endpoint->send();
    }
  }

  std::size_t packets() const {
    std::size_t count = 0;
    for (const auto& endpoint : channels_) count += endpoint->held.size() + endpoint->sent.size();
    return count;
  }

  // The VSP completes a packet of this channel; its transaction id.
  std::uint64_t complete_one(std::size_t channel) noexcept {
    std::vector<packet::Packet*>& held = channels_[channel % channels_.size()]->held;
    packet::Packet* const packet = std::exchange(held[held.size() / 2], held.back());
    held.pop_back();
    const std::uint64_t id = packet->transaction_id;
    if (channels_[channel % channels_.size()]->channel->complete(*packet, {}) != Status::kSuccess) ++refused_;
    return id;
  }

  unsigned delivered(std::uint64_t id) const noexcept { return delivered_[id]; }
  std::uint64_t all_delivered() const noexcept { return all_delivered_; }
  std::uint64_t refused() const noexcept { return refused_; }

  // Each packet that the VSP holds is in use in one slot, and nothing else is.
  void expect_each_in_use_once() const {
    for (const auto& endpoint : channels_) {
      std::vector<const packet::Packet*> used;
      const packet::Channel& channel = *endpoint->channel;
      for (std::uint32_t slot = 0; slot < channel.table().slots(); ++slot) {
        if (channel.table().in_use(slot)) used.push_back(channel.packet_at(slot));
      }
      std::vector<const packet::Packet*> expected(endpoint->held.begin(), endpoint->held.end());
      expected.insert(expected.end(), endpoint->sent.begin(), endpoint->sent.end());
      EXPECT_EQ(channel.table().count_used(), expected.size());
      std::sort(used.begin(), used.end());
      std::sort(expected.begin(), expected.end());
      EXPECT_TRUE(used == expected);
    }
  }

  // Of a destination.
  std::uint64_t in_use() const {
    std::uint64_t count = 0;
    for (const auto& endpoint : channels_) count += endpoint->channel->table().count_used();
    return count;
  }
  std::uint64_t allocated() const {
    std::uint64_t count = 0;
    for (const auto& endpoint : channels_) count += endpoint->channel->allocated();
    return count;
  }
  void drop_all() {
    for (auto& endpoint : channels_) endpoint->channel->drop_all();
  }

  packet::Channel& channel(std::size_t c) { return *channels_[c]->channel; }

  // Nothing is wrong any more; counts anew.
  void arm(const CallbackFault& fault = {}) noexcept {
    fault_ = fault;
    for (auto& count : calls_) count = 0;
    hits_ = 0;
  }
  std::uint64_t hits() const noexcept { return hits_; }
  std::uint64_t calls(Callback callback) const noexcept { return calls_[static_cast<unsigned>(callback)]; }

  packet::Vm vm;
  std::function<void()> hook;                                  // of Wrong::kCalls
  std::function<void(std::uint64_t id, bool second)> on_save;  // each SavePacket, if there is one
  std::atomic<std::uint64_t> begun_ns{0};                      // when the save's begin had returned
  std::atomic<bool> completes_one{
      false};  // the next second call completes a packet, of which the id is then `completed`
  std::atomic<std::uint64_t> completed{0};

 private:
  struct Endpoint {
    explicit Endpoint(FaultVm& owner) : vm(owner) {
      packet::ChannelConfig config{.handle = reinterpret_cast<VMBCHANNEL__*>(this),
                                   .save_packet = save,
                                   .restore_packet = restore,
                                   .sink = deliver,
                                   .sink_context = this,
                                   .capacity = 2048,
                                   .sends = 8,
                                   .context_bytes = sizeof(PacketState),
                                   .result_bytes = 64,
                                   .concurrent_callbacks = true};
      channel = std::make_unique<packet::Channel>(vm.vm.control(), config);
      EXPECT_TRUE(channel->reserve());
      EXPECT_EQ(vm.vm.attach(*channel), Status::kSuccess);
      held.reserve(config.capacity);
      sent.reserve(config.sends);
    }
    ~Endpoint() { EXPECT_EQ(vm.vm.detach(*channel), Status::kSuccess); }

    static std::uint32_t state_bytes(std::uint64_t id) {
      return id % 5 == 0 ? 0 : 1 + static_cast<std::uint32_t>(id * 37 % 90);
    }

    void receive(std::uint64_t id) {
      const auto [status, packet] = channel->claim();
      ASSERT_EQ(status, packet::ClaimStatus::kClaimed);
      packet->transaction_id = id;
      packet->completion_requested = true;
      channel->publish(*packet);
      TestChannel::state_of(packet) = {id, state_bytes(id)};
      channel->indicated();
      held.push_back(packet);
    }

    // Queued, so that its payload travels with it.
    void send() {
      packet::Packet* const packet = channel->allocate();
      ASSERT_NE(packet, nullptr);
      ASSERT_EQ(channel->claim_send(*packet), packet::ClaimStatus::kClaimed);
      packet->completion_requested = true;
      packet->queued = true;
      packet->data_bytes = 40;
      std::memset(packet->payload(sizeof(PacketState)), 0x5A, packet->data_bytes);
      TestChannel::state_of(packet) = {packet->transaction_id, state_bytes(packet->transaction_id)};
      channel->publish_send(*packet);
      sent.push_back(packet);
    }

    static std::int32_t save(VMBCHANNEL__* handle, VMBPACKET__* packet, void* buffer, std::uint32_t size,
                             std::uint32_t* needed) {
      FaultVm& vm = reinterpret_cast<Endpoint*>(handle)->vm;
      const PacketState& state = TestChannel::state_of(packet::from_handle(packet));
      if (vm.on_save) vm.on_save(state.id, size != 0);
      switch (vm.next(size == 0 ? Callback::kFirst : Callback::kSecond)) {
        case Wrong::kFails:
          return static_cast<std::int32_t>(Status::kDataError);
        case Wrong::kGrows:
          *needed = size + 24;
          return static_cast<std::int32_t>(Status::kBufferTooSmall);
        default:
          break;
      }
      if (size != 0 && vm.completes_one.exchange(false)) vm.completed = vm.complete_one(1);
      if (state.bytes == 0) return 0;
      *needed = state.bytes;
      if (size < state.bytes) return static_cast<std::int32_t>(Status::kBufferTooSmall);
      for (std::uint32_t i = 0; i < state.bytes; ++i) static_cast<std::uint8_t*>(buffer)[i] = state_byte(state.id, i);
      return 0;
    }

    static std::int32_t restore(VMBCHANNEL__* handle, void* lib_buf, std::uint32_t lib_bytes, void* save_buf,
                                std::uint32_t save_bytes) {
      auto& self = *reinterpret_cast<Endpoint*>(handle);
      image::LibBuf lib;
      std::memcpy(&lib, lib_buf, sizeof lib);
      const Wrong wrong = self.vm.next(Callback::kRestore);
      if (wrong == Wrong::kFails) return static_cast<std::int32_t>(Status::kDataError);
      if (wrong == Wrong::kForgets) return 0;
      for (std::uint32_t i = 0; i < save_bytes; ++i) {
        EXPECT_EQ(static_cast<const std::uint8_t*>(save_buf)[i], state_byte(lib.transaction_id, i));
      }
      packet::Packet* const packet = self.channel->allocate();
      if (packet == nullptr) return static_cast<std::int32_t>(Status::kInsufficientResources);
      TestChannel::state_of(packet) = {lib.transaction_id, save_bytes};
      const Status status =
          self.channel->restore_target->restore_packet(*packet, {static_cast<const std::byte*>(lib_buf), lib_bytes});
      if (status != Status::kSuccess) self.channel->free(*packet);
      return static_cast<std::int32_t>(status);
    }

    static void deliver(void* context, const packet::Packet& packet, const void*) {
      FaultVm& vm = static_cast<Endpoint*>(context)->vm;
      ++vm.delivered_[packet.transaction_id];
      ++vm.all_delivered_;
    }

    FaultVm& vm;
    std::unique_ptr<packet::Channel> channel;
    std::vector<packet::Packet*> held;  // of the guest
    std::vector<packet::Packet*> sent;
  };

  // Throws what is to be thrown.
  Wrong next(Callback callback) {
    const std::uint64_t number = ++calls_[static_cast<unsigned>(callback)];
    if (callback != fault_.callback || number != fault_.at) return Wrong::kNothing;
    ++hits_;
    if (fault_.wrong == Wrong::kThrows) throw std::runtime_error("VSP");
    if (fault_.wrong == Wrong::kThrowsBad) throw std::bad_alloc();
    if (fault_.wrong == Wrong::kCalls) hook();
    return fault_.wrong;
  }

  std::vector<std::unique_ptr<Endpoint>> channels_;
  std::vector<std::atomic<std::uint8_t>> delivered_;  // by id
  std::atomic<std::uint64_t> all_delivered_{0};
  std::uint64_t refused_ = 0;
  std::uint64_t next_id_ = 1;
  CallbackFault fault_;
  std::atomic<std::uint64_t> calls_[3] = {};
  std::atomic<std::uint64_t> hits_{0};
};

}  // namespace vmbsave::test
