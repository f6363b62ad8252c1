// park_vm.hpp: a VM of the engine's own parts, with two channels and a VSP that takes no lock and allocates nothing.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>

#include "packet/vm.hpp"
#include "save/session_impl.hpp"
#include "stress/park_hook.hpp"
#include "stress/park_log.hpp"

namespace vmbsave::test {

struct SaveOutcome {
  Status begin = Status::kSuccess;
  Status save = Status::kSuccess;  // if begin succeeded
};

template <template <class> class Atom>
class ParkVm {
 public:
  using Vm = packet::BasicVm<Atom>;
  using Channel = packet::BasicChannel<Atom>;
  using Session = save::BasicSaveSession<Atom>;
  using Id = Promise::Id;

  static constexpr unsigned kLanes = 2;
  static constexpr std::uint32_t kCapacity = 42;  // two words

  explicit ParkVm(EventLog& log) : log_(log) {
    for (Lane& lane : lanes_) {
      lane.vm = this;
      packet::ChannelConfig config{.capacity = kCapacity, .context_bytes = sizeof(Id), .result_bytes = sizeof(Id)};
      config.handle = reinterpret_cast<VMBCHANNEL__*>(&lane);
      config.save_packet = on_save;
      config.sink = on_delivery;
      config.sink_context = &lane;
      lane.channel = std::make_unique<Channel>(vm.control(), config);
      EXPECT_TRUE(lane.channel->reserve());
      EXPECT_EQ(vm.attach(*lane.channel), Status::kSuccess);
    }
  }
  ~ParkVm() {
    for (Lane& lane : lanes_) EXPECT_EQ(vm.detach(*lane.channel), Status::kSuccess);
  }

  // By the thread that reads the lane's ring. nullptr: not now.
  packet::Packet* receive(unsigned number, Id id) {
    Lane& lane = lanes_[number];
    const auto [status, packet] = lane.channel->claim();
    if (status != packet::ClaimStatus::kClaimed) return nullptr;
    park_here();  // inside the fill
    packet->transaction_id = id;
    packet->completion_requested = true;
    log_.note(Happening::kReceived, id);
    lane.channel->publish(*packet);
    lane.indicating.store(true, std::memory_order_relaxed);
    park_here();  // inside ProcessPacket
    std::memcpy(packet->context(), &id, sizeof id);
    lane.channel->indicated();
    lane.indicating.store(false, std::memory_order_relaxed);
    return packet;
  }

  // By any thread, once a packet.
  Status complete(packet::Packet* packet) {
    const auto id = static_cast<Id>(packet->transaction_id);
    return static_cast<Channel*>(packet->channel)->complete(*packet, std::as_bytes(std::span(&id, 1)));
  }

  // begin, save, end.
  SaveOutcome save(Session& session, std::uint64_t deadline_ns = 0) {
    SaveOutcome outcome;
    outcome.begin = session.begin({.deadline_ns = deadline_ns});
    if (outcome.begin != Status::kSuccess) return outcome;
    log_.note(Happening::kCut);
    outcome.save = session.save();
    if (outcome.save == Status::kSuccess) log_.note(Happening::kImage);
    park_here();  // between save and end
    log_.note(Happening::kResume);
    session.end(EndMode::kResume);
    return outcome;
  }

  // What begin waits for, while nobody but stopped threads is inside an operation: a slot that is being filled, or that
  // is Done and not frozen, so being delivered; and a packet that ProcessPacket has not come back with.
  bool in_transit() const {
    for (const Lane& lane : lanes_) {
      if (lane.indicating.load(std::memory_order_relaxed)) return true;
      for (std::uint32_t w = 0; w < lane.channel->table().words(); ++w) {
        const std::uint64_t now = lane.channel->table().load(w);
        if (sync::slots_in(now, sync::SlotState::kFilling) != 0) return true;
        if (!sync::is_frozen(now) && sync::slots_in(now, sync::SlotState::kDone) != 0) return true;
      }
    }
    return false;
  }

  // A save has gone past its cut and has not thawed everything.
  bool is_cut() {
    if (vm.control().saving()) return true;
    for (const Lane& lane : lanes_) {
      for (std::uint32_t w = 0; w < lane.channel->table().words(); ++w) {
        if (sync::is_frozen(lane.channel->table().load(w))) return true;
      }
    }
    return false;
  }

  // After all: nothing is in use, frozen or damaged.
  bool is_idle() const {
    for (const Lane& lane : lanes_) {
      for (std::uint32_t w = 0; w < lane.channel->table().words(); ++w) {
        if (lane.channel->table().load(w) != 0) return false;
      }
    }
    return true;
  }

  Vm vm;

 private:
  struct Lane {
    ParkVm* vm = nullptr;
    std::unique_ptr<Channel> channel;
    std::atomic<bool> indicating{false};
  };

  static std::int32_t on_save(VMBCHANNEL__* handle, VMBPACKET__* packet, void* buf, std::uint32_t size,
                              std::uint32_t* needed) {
    park_here();  // inside SavePacket
    EventLog& log = reinterpret_cast<Lane*>(handle)->vm->log_;
    Id id = 0;
    std::memcpy(&id, packet::from_handle(packet)->context(), sizeof id);
    if (id != packet::from_handle(packet)->transaction_id) log.note(Happening::kBadByte, id);
    *needed = sizeof id;
    if (size < sizeof id) return static_cast<std::int32_t>(Status::kBufferTooSmall);
    std::memcpy(buf, &id, sizeof id);
    log.note(Happening::kSaved, id);
    return 0;
  }

  static void on_delivery(void* context, const packet::Packet& packet, const void* result) {
    park_here();  // inside the delivery
    EventLog& log = static_cast<Lane*>(context)->vm->log_;
    const auto id = static_cast<Id>(packet.transaction_id);
    Id found = 0;
    std::memcpy(&found, result, sizeof found);
    if (found != id || packet.data_bytes != sizeof id) log.note(Happening::kBadByte, id);
    log.note(Happening::kDelivered, id);
  }

  EventLog& log_;
  Lane lanes_[kLanes];
};

}  // namespace vmbsave::test
