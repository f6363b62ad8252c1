#include "packet/packet_pool.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.hpp"
#include "base/prefetch.hpp"

namespace vmbsave::packet {
namespace {

constexpr std::size_t kSlabBytes = std::size_t{256} << 10;
constexpr std::size_t kMinSlabPackets = 16;

// The packet that is handed out next, for whom it will be: it lies where nobody has been for long.
void fetch(const Packet* packet, std::size_t bytes) noexcept {
  constexpr std::size_t kMost = 8 * base::kCacheLine;
  if (packet == nullptr) return;
  const auto* const first = reinterpret_cast<const std::byte*>(packet);
  for (std::size_t at = 0; at < std::min(bytes, kMost); at += base::kCacheLine) base::prefetch_for_write(first + at);
}

}  // namespace

Packet* PacketPool::allocate(bool to_restore) noexcept {
  const std::lock_guard lock(mutex_);
  if (!to_restore && sendable_.load_relaxed() >= sends_) return nullptr;
  Packet* const packet = take();
  if (packet == nullptr) return nullptr;
  ++outstanding_;
  sendable_.fetch_add_relaxed(1);
  packet->channel = channel_;
  packet->origin = Origin::kAllocated;
  packet->direction = Direction::kOutgoing;
  return packet;
}

// With a zeroed context; the one after it is fetched.
Packet* PacketPool::take() noexcept {
  const std::size_t stride = packet_stride(context_bytes_, payload_bytes_);
  if (free_ != nullptr) {
    Packet* const packet = free_;
    free_ = packet->next;
    --free_count_;
    fetch(free_, stride);
    new (packet) Packet{};
    std::memset(packet->context(), 0, context_bytes_);
    return packet;
  }
  if (new_count_ == 0 && !grow(std::max(kSlabBytes / stride, kMinSlabPackets), false)) return nullptr;
  auto* const packet = new (next_new_) Packet{};
  next_new_ += stride;
  --new_count_;
  return packet;
}

void PacketPool::becomes_incoming(Packet& packet) noexcept {
  if (packet.origin != Origin::kAllocated || packet.direction == Direction::kIncoming) return;
  packet.direction = Direction::kIncoming;
  sendable_.fetch_sub_relaxed(1);
}

void PacketPool::release(Packet* packet) noexcept {
  const std::lock_guard lock(mutex_);
  if (packet->origin != Origin::kAllocated) return;  // freed twice
  VMBSAVE_ASSERT(outstanding_ > 0);
  packet->origin = Origin::kPooled;
  packet->in_use = false;
  packet->next = free_;
  free_ = packet;
  ++free_count_;
  --outstanding_;
  if (packet->direction == Direction::kOutgoing) sendable_.fetch_sub_relaxed(1);
}

std::uint64_t PacketPool::outstanding() const noexcept {
  const std::lock_guard lock(mutex_);
  return outstanding_;
}

void PacketPool::reserve(std::uint32_t packets) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint64_t ready = free_count_ + new_count_;
  if (packets > ready) (void)grow(packets - ready, true);
}

bool PacketPool::grow(std::size_t packets, bool prefault) noexcept {
  const std::size_t stride = packet_stride(context_bytes_, payload_bytes_);
  // A slab that nearly fills a huge page gets one.
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t bytes = stride * packets;
  mem::Mapping slab = mem::Mapping::reserve(bytes < kHugePage && bytes > kHugePage / 2 ? kHugePage : bytes);
  if (!slab || (prefault && !slab.prefault(0, stride * packets))) return false;
  std::byte* const base = slab.data();
  try {
    slabs_.push_back(std::move(slab));
  } catch (const std::bad_alloc&) {
    return false;
  }
  for (; new_count_ != 0; --new_count_, next_new_ += stride) {  // of the slab before
    auto* const packet = new (next_new_) Packet{};
    packet->origin = Origin::kPooled;
    packet->next = free_;
    free_ = packet;
    ++free_count_;
  }
  next_new_ = base;
  new_count_ = packets;
  return true;
}

}  // namespace vmbsave::packet
