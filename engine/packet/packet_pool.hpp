// packet_pool.hpp: packets that the VSP allocates (to send, or to restore one). They use a slot only while in use.
// Identity: every packet of every slab is either in the free list or handed out; outstanding() counts the latter. Those
// that may be sent are at most `sends`, as many as the table has room for: what was allocated can be sent.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/atomic.hpp"
#include "mem/mapping.hpp"
#include "packet/packet.hpp"

namespace vmbsave::packet {

class PacketPool {
 public:
  PacketPool(void* channel, std::uint32_t context_bytes, std::uint32_t payload_bytes, std::uint32_t sends) noexcept
      : channel_(channel), context_bytes_(context_bytes), payload_bytes_(payload_bytes), sends_(sends) {}

  // A packet with a zeroed client context; nullptr if there is no memory, or, to be sent, no slot. Any thread; a short
  // lock.
  Packet* allocate(bool to_restore) noexcept;
  // Makes ready so many packets more, with their pages: a restore needs not take a fault for each. Without memory,
  // nothing has changed.
  void reserve(std::uint32_t packets) noexcept;
  // A packet was restored as one of the guest's: it takes no send's slot. By the packet's owner; takes no lock.
  void becomes_incoming(Packet& packet) noexcept;
  // A packet that is in the pool already stays there.
  void release(Packet* packet) noexcept;

  std::uint64_t outstanding() const noexcept;

 private:
  bool grow(std::size_t packets, bool prefault) noexcept;

  void* const channel_;
  const std::uint32_t context_bytes_;
  const std::uint32_t payload_bytes_;
  const std::uint32_t sends_;
  mutable std::mutex mutex_;
  std::vector<mem::Mapping> slabs_;
  Packet* free_ = nullptr;
  std::uint64_t free_count_ = 0;
  std::uint64_t outstanding_ = 0;
  // Of these, not restored as the guest's. Grows under the lock only, so that what is compared there is not too small.
  base::Atomic<std::uint32_t> sendable_{};
};

}  // namespace vmbsave::packet
