// channel.hpp: one VMBus channel: its packets, its table, and what its VSP registered.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "base/engine_note.hpp"
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
// A packet of the guest's is over: its completion, packet.data_bytes at `result`, may be seen by the guest, if it asked
// for one and the packet did not fail. The packet's last use.
using CompletionSinkFn = void (*)(void* context, const Packet& packet, const void* result);

struct ChannelConfig {
  VMBCHANNEL__* handle = nullptr;  // what callbacks get
  SavePacketFn save_packet = nullptr;
  RestorePacketFn restore_packet = nullptr;
  CompletionSinkFn sink = nullptr;
  void* sink_context = nullptr;
  std::uint32_t capacity = 4096;      // packets of the guest in use at a time
  std::uint32_t sends = 0;            // packets of the VSP in use at a time
  std::uint32_t context_bytes = 0;    // of client context in each packet
  std::uint32_t result_bytes = 4096;  // longest completion, and longest packet that the VSP sends
  bool concurrent_callbacks = false;
  bool abandon_on_restore = false;  // a restore takes the stream and restores no packet
};

// What VmbPacketRestore talks to while a RestorePacket callback runs.
class RestoreTarget {
 public:
  virtual Status restore_packet(Packet& packet, std::span<const std::byte> lib_buf) noexcept = 0;

 protected:
  ~RestoreTarget() = default;
};

template <template <class> class Atom>
class BasicChannel;
using Channel = BasicChannel<base::Atomic>;

// The channel whose RestorePackets this thread runs: what it allocates there is not to be sent. nullptr: none.
inline thread_local Channel* restoring_channel = nullptr;

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
        table_(config.capacity, config.sends),
        // Without a slot to send from nothing is sent: no room for what would be.
        pool_(this, config.context_bytes, config.sends == 0 ? 0 : config.result_bytes, config.sends),
        at_(std::make_unique<Packet*[]>(table_.slots())) {}
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
    packet->external_data = nullptr;
    packet->direction = Direction::kIncoming;
    packet->failed = false;
    return {ClaimStatus::kClaimed, packet};
  }

  // From here on a save describes the packet. The caller hands it to the VSP's ProcessPacket and then calls
  // indicated(): until then a save's begin waits, because the VSP has not yet made the packet's state.
  void publish(Packet& packet) noexcept {
    packet.sequence = next_sequence_++;
    indicate();
    table_.publish(packet.slot);
  }
  // A claim that found no use.
  void unclaim(Packet& packet) noexcept { table_.unclaim(packet.slot); }

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
    return settle(slot);
  }

  // Keeps the result of a packet whose guest cannot be reached yet; a save describes it as in use. Statuses as
  // complete.
  Status hold(Packet& packet, std::span<const std::byte> result) noexcept {
    if (result.size() > config_.result_bytes) return Status::kInvalidParameter;
    if (!table_.in_use(packet.slot) || packet.held) return Status::kInvalidDeviceState;
    store_result(packet, result);
    packet.held = true;
    return Status::kSuccess;
  }
  // Completes what is held. While nobody holds or completes one of these.
  void complete_held() noexcept {
    for (std::uint32_t slot = 0; slot < config_.capacity; ++slot) {
      if (!table_.in_use(slot) || !at_[slot]->held) continue;
      at_[slot]->held = false;
      (void)settle(slot);
    }
  }

  // The guest sees no completion of this packet. Statuses as complete.
  Status fail(Packet& packet) noexcept {
    if (!table_.in_use(packet.slot)) return Status::kInvalidDeviceState;
    packet.failed = true;
    return complete(packet, {});
  }

  // Packets of the guest that are in use and want a completion. O(capacity); while nobody claims or completes.
  std::uint32_t count_awaited() const noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t slot = 0; slot < config_.capacity; ++slot) {
      if (table_.in_use(slot) && at_[slot]->completion_requested) ++count;
    }
    return count;
  }

  // Gives the guest the completion of the packet in a Done slot and frees the slot. Not "the packet just completed":
  // after a save gave up, the slot may hold another one (see PacketTable::take_deferred).
  void deliver_and_release(std::uint32_t slot) noexcept {
    deliver(slot);
    table_.release(slot);  // from here on the channel may go
  }
  // Likewise of several Done slots of one word, so that the word changes hands once.
  void deliver_and_release(std::uint32_t w, SlotSet slots) noexcept {
    const std::uint32_t base = w * sync::kSlotsPerWord;
    sync::for_each_slot(slots, [&](unsigned slot) { fetch_for_delivery(base + slot); });
    sync::for_each_slot(slots, [&](unsigned slot) { deliver(base + slot); });
    table_.release_all(w, slots);  // likewise
  }

  // ---- packets that the VSP sends: one thread at a time, but for allocate and free
  // -------------------------------------------------------------------

  // From inside a RestorePacket of the channel, or to send: then at most config().sends.
  Packet* allocate() noexcept { return restores_here() ? pool_.allocate_to_restore() : pool_.allocate(); }
  std::uint64_t allocated() const noexcept { return pool_.outstanding(); }  // and not yet freed
  void free(Packet& packet) noexcept { pool_.release(&packet, restores_here()); }

  // A slot for a packet, and its transaction id. The caller puts it into the ring or a queue and publishes it, or, if
  // its transaction is over with that, withdraws it.
  ClaimStatus claim_send(Packet& packet) noexcept {
    const Claim claim = table_.claim_send(control_);
    if (claim.status != ClaimStatus::kClaimed) return claim.status;
    occupy(packet, claim.slot);
    packet.transaction_id = next_id_for(claim.slot);
    packet.sequence = kFirstSend + packet.transaction_id;
    next_send_ = packet.transaction_id + 1;
    return ClaimStatus::kClaimed;
  }
  void publish_send(Packet& packet) noexcept { table_.publish(packet.slot); }
  // Takes a packet that is in use, and that nobody else may finish, for one step: into the ring, or out of use. False:
  // a save runs.
  bool retake_send(Packet& packet) noexcept { return table_.retake(packet.slot, control_); }
  // A claimed or retaken packet is the VSP's again. With `indicating`, a save's begin waits until indicated().
  void withdraw_send(Packet& packet, bool indicating) noexcept {
    packet.in_use = false;
    if (indicating) indicate();
    table_.unclaim(packet.slot);
  }

  // The packet in use with that transaction id; nullptr if there is none. O(1), or O(sends) on a channel that restored
  // packets of another size of table.
  Packet* find_send(std::uint64_t id) const noexcept {
    if (id == 0 || config_.sends == 0) return nullptr;
    const std::uint32_t first = table_.first_send();
    const auto at = static_cast<std::uint32_t>((id - 1) % config_.sends);
    if (Packet* const packet = send_at(first + at, id); packet != nullptr || !ids_moved_) return packet;
    for (std::uint32_t i = 0; i < config_.sends; ++i) {
      if (Packet* const packet = send_at(first + i, id); packet != nullptr) return packet;
    }
    return nullptr;
  }

  // The packet of the VSP's that is in use in the i-th of its slots; nullptr: none.
  Packet* send_in(std::uint32_t i) const noexcept {
    const std::uint32_t slot = table_.first_send() + i;
    return table_.in_use(slot) ? at_[slot] : nullptr;
  }

  // ---- restore: before the channel starts
  // --------------------------------------------------------------------------------------

  // Inside restore(): puts a packet that the VSP made, whose other saved properties the caller has set, in use.
  ClaimStatus adopt(Packet& packet, Direction direction) noexcept {
    const Claim claim = direction == Direction::kIncoming ? claim_restored() : table_.claim_send(control_);
    if (claim.status != ClaimStatus::kClaimed) return claim.status;
    if (direction == Direction::kIncoming) {
      pool_.becomes_incoming(packet, restores_here());
      packet.external_data = nullptr;
      packet.failed = false;
    } else {
      pool_.becomes_outgoing(restores_here());
      if (next_id_for(claim.slot, packet.transaction_id) != packet.transaction_id) ids_moved_ = true;
    }
    packet.direction = direction;
    occupy(packet, claim.slot);
    if (direction == Direction::kOutgoing) table_.publish(claim.slot);
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
      packet->in_use = false;
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
  // What a save calls instead from now on. While no save makes its passes.
  void set_save_packet(SavePacketFn save_packet) noexcept { config_.save_packet = save_packet; }
  std::uint64_t next_sequence() const noexcept { return next_sequence_; }
  std::uint64_t next_send() const noexcept { return next_send_; }  // transaction ids of sends: from here on unused

  // As PacketPool::prepare.
  bool prepare_restore(std::uint32_t packets) noexcept { return pool_.prepare(packets); }
  // f() runs RestorePackets, which allocate so many packets. One at a time. What f() gives.
  template <class Function>
  auto restore(std::uint32_t packets, Function&& f) {
    struct Scope {
      BasicChannel& channel;
      Channel* const outer;
      ~Scope() {
        restoring_channel = outer;
        channel.give_back_claimed();
        channel.pool_.end_restore();
      }
    };
    pool_.begin_restore(packets);
    const Scope scope{*this, std::exchange(restoring_channel, this)};
    return f();
  }

  // Numbers that a restored stream has given.
  void reserve(std::uint64_t next_sequence, std::uint64_t next_send) noexcept {
    next_sequence_ = std::max(next_sequence_, next_sequence);
    next_send_ = std::max(next_send_, next_send);
  }

  Atom<bool> discard_on_end{};              // the next end of a save leaves this channel empty
  RestoreTarget* restore_target = nullptr;  // not null while RestorePacket runs

 private:
  // A slot for a packet of the guest's. A word of them changes hands at once: a read-modify-write for each packet would
  // wait until all that was stored before has reached its lines, which are cold.
  Claim claim_restored() noexcept {
    if (claimed_ == 0) {
      const Claim word = table_.claim_word(control_, claimed_);
      if (word.status != ClaimStatus::kClaimed) {
        claimed_ = 0;
        return word;
      }
      claimed_first_ = word.slot;
    }
    const std::uint32_t slot = claimed_first_ + sync::first_slot(claimed_);
    claimed_ &= claimed_ - 1;
    return {ClaimStatus::kClaimed, slot};
  }
  void give_back_claimed() noexcept {
    if (claimed_ != 0) table_.unclaim_word(claimed_first_, std::exchange(claimed_, 0));
  }

  bool restores_here() const noexcept { return static_cast<const void*>(restoring_channel) == this; }

  // The result is stored.
  Status settle(std::uint32_t slot) noexcept {
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

  void store_result(Packet& packet, std::span<const std::byte> result) noexcept;

  void deliver(std::uint32_t slot) noexcept {
    Packet* const packet = at_[slot];
    if (config_.sink != nullptr) config_.sink(config_.sink_context, *packet, store_.result(slot));
    packet->in_use = false;
    if (packet->origin == Origin::kAllocated) pool_.release(packet);
  }
  // Whoever completed the packet had its lines last.
  void fetch_for_delivery(std::uint32_t slot) const noexcept {
    base::prefetch_for_write(at_[slot]);
    base::prefetch(store_.result(slot));
  }

  // Seen by whoever sees what follows: a publish or a withdrawal, which release it.
  void indicate() noexcept { indicating_.store_relaxed(indicating_.load_relaxed() + 1); }

  void occupy(Packet& packet, std::uint32_t slot) noexcept {
    at_[slot] = &packet;
    packet.slot = slot;
    packet.in_use = true;
  }

  // The first id, `from` or later, that says which slot it belongs to.
  std::uint64_t next_id_for(std::uint32_t slot, std::uint64_t from) const noexcept {
    const std::uint32_t index = slot - table_.first_send();
    return from + (index + config_.sends - (from - 1) % config_.sends) % config_.sends;
  }
  std::uint64_t next_id_for(std::uint32_t slot) const noexcept { return next_id_for(slot, next_send_); }

  Packet* send_at(std::uint32_t slot, std::uint64_t id) const noexcept {
    return table_.in_use(slot) && at_[slot]->transaction_id == id ? at_[slot] : nullptr;
  }

  const Control& control_;
  ChannelConfig config_;
  PacketTable<Atom> table_;
  PacketPool pool_;
  PacketStore store_;
  std::unique_ptr<Packet*[]> at_;  // the packet in each slot: the slot's own, or an allocated one
  // The line of the thread that reads the ring (or restores).
  alignas(base::kCacheLine) Atom<std::uint32_t> indicating_{};  // packets between publish and indicated()
  std::uint64_t next_sequence_ = 0;
  SlotSet claimed_ = 0;  // for restored packets, and not filled yet; of one word
  std::uint32_t claimed_first_ = 0;
  // The line of the thread that sends.
  alignas(base::kCacheLine) std::uint64_t next_send_ = 1;
  bool ids_moved_ = false;  // some restored send lies in another slot than its id says
};

template <template <class> class Atom>
void BasicChannel<Atom>::store_result(Packet& packet, std::span<const std::byte> result) noexcept {
  packet.data_bytes = static_cast<std::uint32_t>(result.size());
  std::byte* const room = store_.result(packet.slot);
  if (!result.empty()) std::memcpy(room, result.data(), result.size());
}

}  // namespace vmbsave::packet
