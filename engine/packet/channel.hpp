// channel.hpp: one VMBus channel: its packets, its table, and what its VSP registered.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "packet/packet.hpp"
#include "packet/packet_pool.hpp"
#include "packet/packet_table.hpp"
#include "vmbsave/status.hpp"

namespace vmbsave::packet {

// The VSP's callbacks, with the C face's own signatures so that nothing stands between the engine and a driver's
// functions.
using SavePacketFn = std::int32_t (*)(VMBCHANNEL__*, VMBPACKET__*, void* save_buf, std::uint32_t save_buf_size,
                                      std::uint32_t* bytes_needed);
using RestorePacketFn = std::int32_t (*)(VMBCHANNEL__*, void* lib_buf, std::uint32_t lib_buf_size, void* save_buf,
                                         std::uint32_t save_buf_size);
// A completion that the guest may see.
using CompletionSinkFn = void (*)(void* context, std::uint64_t transaction_id, const void* result, std::uint32_t bytes);

struct ChannelConfig {
  VMBCHANNEL__* handle = nullptr;  // what callbacks get
  SavePacketFn save_packet = nullptr;
  RestorePacketFn restore_packet = nullptr;
  CompletionSinkFn sink = nullptr;
  void* sink_context = nullptr;
  std::uint32_t capacity = 4096;      // packets in use at a time
  std::uint32_t context_bytes = 0;    // of client context in each packet
  std::uint32_t result_bytes = 4096;  // longest completion
  bool concurrent_callbacks = false;
};

// What VmbPacketRestore talks to while a RestorePacket callback runs.
class RestoreTarget {
 public:
  virtual Status restore_packet(Packet& packet, std::span<const std::byte> lib_buf) noexcept = 0;

 protected:
  ~RestoreTarget() = default;
};

// The memory of a channel that does not depend on the kind of atomics: packet objects and room for results, by slot. A
// packet of zeroes is one that was never used, so that nothing is touched before a packet needs it.
class PacketStore {
 public:
  // False: no memory.
  bool reserve(const ChannelConfig& config) noexcept;

  Packet* slot_packet(std::uint32_t slot) const noexcept {
    return reinterpret_cast<Packet*>(packets_.data() + slot * packet_stride_);
  }
  std::byte* result(std::uint32_t slot) const noexcept { return results_.data() + slot * result_stride_; }

 private:
  std::size_t packet_stride_ = 0;
  std::size_t result_stride_ = 0;
  mem::Mapping packets_;
  mem::Mapping results_;
};

template <template <class> class Atom>
class BasicChannel {
 public:
  using Control = sync::SaveControl<Atom>;

  BasicChannel(const Control& control, const ChannelConfig& config)
      : control_(control),
        config_(config),
        table_(config.capacity),
        pool_(this, config.context_bytes),
        at_(std::make_unique<Packet*[]>(config.capacity)) {}
  BasicChannel(const BasicChannel&) = delete;

  // Maps the packets, which get their memory when they are first used; once, before use. False: no memory.
  bool reserve() noexcept { return store_.reserve(config_); }

  // ---- incoming packets: the thread that reads the ring
  // -----------------------------------------------------------------------

  struct Received {
    ClaimStatus status;
    Packet* packet;
  };

  // A packet to fill. The caller fills it, moves its ring's read index, publishes it, and hands it to the VSP.
  Received claim() noexcept {
    const Claim claim = table_.claim(control_);
    if (claim.status != ClaimStatus::kClaimed) return {claim.status, nullptr};
    Packet* const packet = store_.slot_packet(claim.slot);
    if (at_[claim.slot] != packet) at_[claim.slot] = packet;
    packet->channel = this;
    packet->slot = claim.slot;
    packet->pointer = nullptr;
    packet->direction = Direction::kIncoming;
    return {ClaimStatus::kClaimed, packet};
  }

  // From here on a save describes the packet. The caller hands it to the VSP's ProcessPacket and then calls
  // indicated(): until then a save's begin waits, because the VSP has not yet made the packet's state.
  void publish(Packet& packet) noexcept {
    packet.sequence = next_sequence_++;
    indicating_.store_relaxed(indicating_.load_relaxed() +
                              1);  // seen by whoever sees the slot in use: the publish that follows releases it
    table_.publish(packet.slot);
  }

  void indicated() noexcept {
    // [indicated] release: what ProcessPacket wrote into the packet, for await_indication().
    indicating_.store_release(indicating_.load_relaxed() - 1);
  }

  // The saver, after the transit wait of all the channel's words. False: `give_up` said so.
  template <class GiveUp>
  bool await_indication(GiveUp&& give_up) const noexcept {
    // [indicated] acquire: the packet's state, from indicated().
    for (unsigned round = 0; indicating_.load_acquire() != 0; ++round) {
      if (give_up()) return false;
      Atom<std::uint32_t>::wait_round(round);
    }
    return true;
  }

  // ---- completion: any thread, once a packet
  // -----------------------------------------------------------------------------------

  // Keeps a copy of the result; delivers it now, or leaves it to the saver. kInvalidParameter: longer than
  // config().result_bytes. kInvalidDeviceState: the packet was not in use.
  Status complete(Packet& packet, std::span<const std::byte> result) noexcept {
    if (result.size() > config_.result_bytes) return Status::kInvalidParameter;
    const std::uint32_t slot = packet.slot;
    if (!table_.in_use(slot))
      return Status::kInvalidDeviceState;  // the result in the slot is another packet's, or the first one's
    store_result(packet, result);
    switch (table_.complete(slot, control_)) {
      case CompleteOutcome::kDeliver:
        deliver_and_release(slot);
        break;
      case CompleteOutcome::kDeferred:
        break;
      case CompleteOutcome::kMisuse:
        return Status::kInvalidDeviceState;
    }
    return Status::kSuccess;
  }

  // Gives the guest the completion of the packet in a Done slot and frees the slot. Not "the packet just completed":
  // after a save gave up, the slot may hold another one (see PacketTable::take_deferred).
  void deliver_and_release(std::uint32_t slot) noexcept {
    Packet* const packet = at_[slot];
    if (config_.sink != nullptr && packet->completion_requested) {
      config_.sink(config_.sink_context, packet->transaction_id, store_.result(slot), packet->result_bytes);
    }
    const bool allocated = packet->origin == Origin::kAllocated;
    table_.release(slot);
    if (allocated) pool_.release(packet);
  }

  // ---- restore: before the channel starts
  // --------------------------------------------------------------------------------------

  Packet* allocate() noexcept { return pool_.allocate(); }
  std::uint64_t allocated() const noexcept { return pool_.outstanding(); }  // and not yet freed
  void free(Packet& packet) noexcept { pool_.release(&packet); }

  // Puts an allocated packet, whose saved properties the caller has set, in use.
  ClaimStatus adopt(Packet& packet) noexcept {
    const Claim claim = table_.claim(control_);
    if (claim.status != ClaimStatus::kClaimed) return claim.status;
    at_[claim.slot] = &packet;
    packet.slot = claim.slot;
    packet.in_use = true;
    reserve_sequence(packet.sequence + 1);
    table_.publish(claim.slot);
    return ClaimStatus::kClaimed;
  }

  // Empties the channel and delivers nothing. Waits for slots in transit. Only while no save runs. O(capacity).
  void drop_all() noexcept {
    for (std::uint32_t w = 0; w < table_.words(); ++w) {
      SlotSet members = 0;
      (void)table_.await_transit(w, table_.freeze(w), members, [] { return false; });
      clear_word(w);
    }
    table_.forget_hint();
  }

  // Empties and thaws one frozen word, giving allocated packets back to their pool.
  void clear_word(std::uint32_t w) noexcept {
    Packet* allocated[sync::kSlotsPerWord];
    unsigned count = 0;
    const SlotSet used = sync::kAllSlots & ~sync::slots_in(table_.load(w), SlotState::kFree);
    sync::for_each_slot(used, [&](unsigned slot) {
      Packet* const packet = at_[w * sync::kSlotsPerWord + slot];
      if (packet->origin == Origin::kAllocated) allocated[count++] = packet;
    });
    table_.clear(w);
    while (count > 0) pool_.release(allocated[--count]);
  }

  Packet* packet_at(std::uint32_t slot) const noexcept { return at_[slot]; }
  Packet* const* slots() const noexcept { return at_.get(); }
  PacketTable<Atom>& table() noexcept { return table_; }
  const PacketTable<Atom>& table() const noexcept { return table_; }
  const ChannelConfig& config() const noexcept { return config_; }
  std::uint64_t next_sequence() const noexcept { return next_sequence_; }

  void reserve_sequence(std::uint64_t next) noexcept { next_sequence_ = std::max(next_sequence_, next); }

  bool discard_on_end = false;              // the next end of a save leaves this channel empty
  RestoreTarget* restore_target = nullptr;  // not null while RestorePacket runs

 private:
  void store_result(Packet& packet, std::span<const std::byte> result) noexcept;

  const Control& control_;
  const ChannelConfig config_;
  PacketTable<Atom> table_;
  PacketPool pool_;
  PacketStore store_;
  std::unique_ptr<Packet*[]> at_;  // the packet in each slot: the slot's own, or an allocated one
  // The line of the thread that reads the ring (or restores).
  alignas(base::kCacheLine) Atom<std::uint32_t> indicating_{};  // packets between publish and indicated()
  std::uint64_t next_sequence_ = 0;
};

template <template <class> class Atom>
void BasicChannel<Atom>::store_result(Packet& packet, std::span<const std::byte> result) noexcept {
  packet.result_bytes = static_cast<std::uint32_t>(result.size());
  std::byte* const room = store_.result(packet.slot);
  if (!result.empty()) std::memcpy(room, result.data(), result.size());
}

}  // namespace vmbsave::packet
