#include "packet/packet_pool.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.hpp"

namespace vmbsave::packet {
namespace {

constexpr std::size_t kSlabBytes = std::size_t{256} << 10;
constexpr std::size_t kMinSlabPackets = 16;

}  // namespace

Packet* PacketPool::allocate(bool to_restore) noexcept {
  const std::lock_guard lock(mutex_);
  if (!to_restore && sendable_ >= sends_) return nullptr;
  if (free_ == nullptr && !grow()) return nullptr;
  Packet* const packet = free_;
  free_ = packet->next;
  ++outstanding_;
  ++sendable_;
  new (packet) Packet{};
  packet->channel = channel_;
  packet->origin = Origin::kAllocated;
  packet->direction = Direction::kOutgoing;
  std::memset(packet->context(), 0, context_bytes_);
  return packet;
}

void PacketPool::becomes_incoming(Packet& packet) noexcept {
  const std::lock_guard lock(mutex_);
  if (packet.origin != Origin::kAllocated || packet.direction == Direction::kIncoming) return;
  packet.direction = Direction::kIncoming;
  --sendable_;
}

void PacketPool::release(Packet* packet) noexcept {
  const std::lock_guard lock(mutex_);
  if (packet->origin != Origin::kAllocated) return;  // freed twice
  VMBSAVE_ASSERT(outstanding_ > 0);
  packet->origin = Origin::kPooled;
  packet->in_use = false;
  packet->next = free_;
  free_ = packet;
  --outstanding_;
  if (packet->direction == Direction::kOutgoing) --sendable_;
}

std::uint64_t PacketPool::outstanding() const noexcept {
  const std::lock_guard lock(mutex_);
  return outstanding_;
}

bool PacketPool::grow() noexcept {
  const std::size_t stride = packet_stride(context_bytes_, payload_bytes_);
  const std::size_t count = std::max(kSlabBytes / stride, kMinSlabPackets);
  mem::Mapping slab = mem::Mapping::reserve(stride * count);
  if (!slab) return false;
  std::byte* const base = slab.data();
  try {
    slabs_.push_back(std::move(slab));
  } catch (const std::bad_alloc&) {
    return false;
  }
  for (std::size_t i = count; i-- > 0;) {
    Packet* const packet = new (base + i * stride) Packet{};
    packet->origin = Origin::kPooled;
    packet->next = free_;
    free_ = packet;
  }
  return true;
}

}  // namespace vmbsave::packet
