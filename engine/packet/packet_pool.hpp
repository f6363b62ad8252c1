// packet_pool.hpp: packets that the VSP allocates (to send, or to restore one). They use a slot only while in use.
// Identity: every packet of every slab is either in the free list or handed out; outstanding() counts the latter.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "mem/mapping.hpp"
#include "packet/packet.hpp"

namespace vmbsave::packet {

class PacketPool {
 public:
  PacketPool(void* channel, std::uint32_t context_bytes) noexcept : channel_(channel), context_bytes_(context_bytes) {}

  // A packet with a zeroed client context; nullptr if there is no memory. Any thread; a short lock.
  Packet* allocate() noexcept;
  // A packet that is in the pool already stays there.
  void release(Packet* packet) noexcept;

  std::uint64_t outstanding() const noexcept;

 private:
  bool grow() noexcept;

  void* const channel_;
  const std::uint32_t context_bytes_;
  mutable std::mutex mutex_;
  std::vector<mem::Mapping> slabs_;
  Packet* free_ = nullptr;
  std::uint64_t outstanding_ = 0;
};

}  // namespace vmbsave::packet
