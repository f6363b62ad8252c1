// packet_pool.hpp: packets that the VSP allocates (to send, or to restore one). They use a slot only while in use.
// Identity: every packet of every slab is ready, or handed out; outstanding() counts the latter. Those that may be sent
// are at most `sends`, as many as the table has room for: what was allocated can be sent.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/atomic.hpp"
#include "mem/mapping.hpp"
#include "packet/packet.hpp"

namespace vmbsave::packet {

// Packets of one size that nobody has. Without a lock of its own.
class ReadyPackets {
 public:
  std::uint64_t count() const noexcept { return free_count_ + new_count_; }
  // A packet with a zeroed client context; nullptr: there is none. Fetches one that comes soon.
  Packet* take(std::uint32_t context_bytes, std::size_t stride) noexcept;
  void give(Packet& packet) noexcept;
  // `count` zeroed packets, one behind the other, that were never used.
  void give_new(std::byte* first, std::uint64_t count, std::size_t stride) noexcept;
  // All that `other` has; O(its packets).
  void give_all(ReadyPackets&& other, std::size_t stride) noexcept;

 private:
  Packet* free_ = nullptr;
  std::uint64_t free_count_ = 0;
  std::byte* next_new_ = nullptr;
  std::uint64_t new_count_ = 0;
};

class PacketPool {
 public:
  PacketPool(void* channel, std::uint32_t context_bytes, std::uint32_t payload_bytes, std::uint32_t sends) noexcept
      : channel_(channel),
        context_bytes_(context_bytes),
        stride_(packet_stride(context_bytes, payload_bytes)),
        sends_(sends) {}

  // A packet to send, with a zeroed client context; nullptr if there is no memory, or no slot for it. Any thread; a
  // short lock.
  Packet* allocate() noexcept;
  // A packet that is in the pool already stays there. Likewise.
  void release(Packet* packet, bool by_restorer = false) noexcept;
  // While no restore runs.
  std::uint64_t outstanding() const noexcept;
  // So many packets are ready for a restore to come, those that are made for it with their pages. False: no memory, and
  // nothing has changed.
  bool prepare(std::uint32_t packets) noexcept;

  // ---- a restore: between begin and end, the thread that runs it

  // Sets aside what is ready, and so many packets at least, with their pages: the restore need not take a lock, or a
  // page fault, for each. Without memory for them, as many as there are.
  void begin_restore(std::uint32_t packets) noexcept;
  // As allocate, but slots are not asked for.
  Packet* allocate_to_restore() noexcept;
  // A packet was restored as one of the guest's, or is about to be as one that was sent: only these take a send's slot.
  // By the packet's owner; by_restorer, here and in release: on the thread that restores.
  void becomes_incoming(Packet& packet, bool by_restorer) noexcept;
  void becomes_outgoing(bool by_restorer) noexcept;
  void end_restore() noexcept;

 private:
  bool grow(ReadyPackets& ready, std::uint64_t packets, bool prefault) noexcept;
  bool grow_by_a_slab(ReadyPackets& ready) noexcept;
  bool make_ready(std::uint32_t packets) noexcept;
  Packet* hand_out(Packet* packet) noexcept;
  void count_sendable() noexcept;
  void uncount_sendable(bool by_restorer) noexcept;

  void* const channel_;
  const std::uint32_t context_bytes_;
  const std::size_t stride_;
  const std::uint32_t sends_;
  mutable std::mutex mutex_;
  std::vector<mem::Mapping> slabs_;
  std::uint64_t made_ = 0;  // packets of all slabs
  ReadyPackets ready_;
  // Handed out and not restored as the guest's, less what is uncounted: that makes it too small by what a RestorePacket
  // has not restored yet, and below zero where others free that.
  base::Atomic<std::int64_t> sendable_{};
  // The restorer's own.
  ReadyPackets set_aside_;
  std::uint32_t uncounted_ = 0;  // handed out, and not in sendable_ yet
};

}  // namespace vmbsave::packet
