#include "packet/packet_pool.hpp"

#include <cstring>
#include <new>

#include "base/check.hpp"

namespace vmbsave::packet {
namespace {

constexpr std::size_t kSlabPackets = 1024;

}  // namespace

Packet* PacketPool::allocate() noexcept {
  const std::lock_guard lock(mutex_);
  if (free_ == nullptr && !grow()) return nullptr;
  Packet* const packet = free_;
  free_ = packet->next_free;
  ++outstanding_;
  new (packet) Packet{};
  packet->channel = channel_;
  packet->origin = Origin::kAllocated;
  std::memset(packet->context(), 0, context_bytes_);
  return packet;
}

void PacketPool::release(Packet* packet) noexcept {
  const std::lock_guard lock(mutex_);
  if (packet->origin != Origin::kAllocated) return;  // freed twice
  VMBSAVE_ASSERT(outstanding_ > 0);
  packet->origin = Origin::kPooled;
  packet->in_use = false;
  packet->next_free = free_;
  free_ = packet;
  --outstanding_;
}

std::uint64_t PacketPool::outstanding() const noexcept {
  const std::lock_guard lock(mutex_);
  return outstanding_;
}

bool PacketPool::grow() noexcept {
  const std::size_t stride = packet_stride(context_bytes_);
  mem::Mapping slab = mem::Mapping::reserve(stride * kSlabPackets);
  if (!slab) return false;
  std::byte* const base = slab.data();
  try {
    slabs_.push_back(std::move(slab));
  } catch (const std::bad_alloc&) {
    return false;
  }
  for (std::size_t i = kSlabPackets; i-- > 0;) {
    Packet* const packet = new (base + i * stride) Packet{};
    packet->origin = Origin::kPooled;
    packet->next_free = free_;
    free_ = packet;
  }
  return true;
}

}  // namespace vmbsave::packet
