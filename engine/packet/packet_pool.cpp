#include "packet/packet_pool.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.hpp"
#include "base/prefetch.hpp"

namespace vmbsave::packet {
namespace {

constexpr std::size_t kSlabBytes = std::size_t{256} << 10;
constexpr std::size_t kMinSlabPackets = 16;
// New packets are fetched so many ahead. They lie behind each other, but the hardware's own fetching ends at a page.
constexpr std::uint64_t kAhead = 4;

// A packet that is handed out soon, for whom it will be: it lies where nobody has been for long.
void fetch(const void* packet, std::size_t bytes) noexcept {
  constexpr std::size_t kMost = 8 * base::kCacheLine;
  const auto* const first = static_cast<const std::byte*>(packet);
  for (std::size_t at = 0; at < std::min(bytes, kMost); at += base::kCacheLine) base::prefetch_for_write(first + at);
}

}  // namespace

Packet* ReadyPackets::take(std::uint32_t context_bytes, std::size_t stride) noexcept {
  if (free_ != nullptr) {
    Packet* const packet = free_;
    free_ = packet->next;
    --free_count_;
    if (free_ != nullptr) fetch(free_, stride);
    new (packet) Packet{};
    std::memset(packet->context(), 0, context_bytes);
    return packet;
  }
  if (new_count_ == 0) return nullptr;
  auto* const packet = new (next_new_) Packet{};
  next_new_ += stride;
  --new_count_;
  if (new_count_ >= kAhead) fetch(next_new_ + (kAhead - 1) * stride, stride);
  return packet;
}

void ReadyPackets::give(Packet& packet) noexcept {
  packet.origin = Origin::kPooled;
  packet.next = free_;
  free_ = &packet;
  ++free_count_;
}

// What is left of the new ones before goes to the others.
void ReadyPackets::give_new(std::byte* first, std::uint64_t count, std::size_t stride) noexcept {
  for (; new_count_ != 0; --new_count_, next_new_ += stride) give(*new (next_new_) Packet{});
  next_new_ = first;
  new_count_ = count;
}

void ReadyPackets::give_all(ReadyPackets&& other, std::size_t stride) noexcept {
  if (other.new_count_ != 0) give_new(other.next_new_, other.new_count_, stride);
  while (other.free_ != nullptr) give(*std::exchange(other.free_, other.free_->next));
  other = {};
}

Packet* PacketPool::allocate() noexcept {
  const std::lock_guard lock(mutex_);
  if (sendable_.load_relaxed() >= std::int64_t{sends_}) return nullptr;
  if (ready_.count() == 0 && !grow_by_a_slab(ready_)) return nullptr;
  sendable_.fetch_add_relaxed(1);
  return hand_out(ready_.take(context_bytes_, stride_));
}

Packet* PacketPool::hand_out(Packet* packet) noexcept {
  packet->channel = channel_;
  packet->origin = Origin::kAllocated;
  packet->direction = Direction::kOutgoing;
  return packet;
}

void PacketPool::release(Packet* packet, bool by_restorer) noexcept {
  const std::lock_guard lock(mutex_);
  if (packet->origin != Origin::kAllocated) return;  // freed twice
  if (packet->direction == Direction::kOutgoing) uncount_sendable(by_restorer);
  packet->in_use = false;
  ready_.give(*packet);
  VMBSAVE_ASSERT(ready_.count() <= made_);
}

std::uint64_t PacketPool::outstanding() const noexcept {
  const std::lock_guard lock(mutex_);
  return made_ - ready_.count();
}

bool PacketPool::make_ready(std::uint32_t packets) noexcept {
  return packets <= ready_.count() || grow(ready_, packets - ready_.count(), true);
}

bool PacketPool::prepare(std::uint32_t packets) noexcept {
  const std::lock_guard lock(mutex_);
  return make_ready(packets);
}

void PacketPool::begin_restore(std::uint32_t packets) noexcept {
  const std::lock_guard lock(mutex_);
  (void)make_ready(packets);
  set_aside_ = std::exchange(ready_, {});
}

Packet* PacketPool::allocate_to_restore() noexcept {
  if (set_aside_.count() == 0) {
    const std::lock_guard lock(mutex_);
    if (!grow_by_a_slab(set_aside_)) return nullptr;
  }
  ++uncounted_;
  return hand_out(set_aside_.take(context_bytes_, stride_));
}

void PacketPool::becomes_incoming(Packet& packet, bool by_restorer) noexcept {
  if (packet.origin != Origin::kAllocated || packet.direction == Direction::kIncoming) return;
  packet.direction = Direction::kIncoming;
  uncount_sendable(by_restorer);
}

void PacketPool::becomes_outgoing(bool by_restorer) noexcept {
  if (by_restorer) count_sendable();
}

void PacketPool::count_sendable() noexcept { sendable_.fetch_add_relaxed(std::int64_t{std::exchange(uncounted_, 0u)}); }

void PacketPool::uncount_sendable(bool by_restorer) noexcept {
  if (by_restorer && uncounted_ != 0) {
    --uncounted_;
  } else {
    sendable_.fetch_sub_relaxed(1);
  }
}

void PacketPool::end_restore() noexcept {
  const std::lock_guard lock(mutex_);
  count_sendable();
  set_aside_.give_all(std::move(ready_), stride_);  // what came back meanwhile
  ready_ = std::exchange(set_aside_, {});
}

bool PacketPool::grow_by_a_slab(ReadyPackets& ready) noexcept {
  return grow(ready, std::max(kSlabBytes / stride_, kMinSlabPackets), false);
}

bool PacketPool::grow(ReadyPackets& ready, std::uint64_t packets, bool prefault) noexcept {
  // A slab that nearly fills a huge page gets one.
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t bytes = stride_ * packets;
  mem::Mapping slab = mem::Mapping::reserve(bytes < kHugePage && bytes > kHugePage / 2 ? kHugePage : bytes);
  if (!slab || (prefault && !slab.prefault(0, bytes))) return false;
  std::byte* const base = slab.data();
  try {
    slabs_.push_back(std::move(slab));
  } catch (const std::bad_alloc&) {
    return false;
  }
  ready.give_new(base, packets, stride_);
  made_ += packets;
  return true;
}

}  // namespace vmbsave::packet
