#include "kmcl/send_queue.hpp"

#include <algorithm>
#include <cstring>

#include "kmcl/channel.hpp"
#include "save/inside_callbacks.hpp"

namespace vmbsave::kmcl {

using packet::ClaimStatus;
using packet::Packet;

void SendQueue::prepare() { queue_.assign(std::max(channel_.config.sends, 1u), nullptr); }

void SendQueue::start(std::unique_ptr<packet::Channel> channel) noexcept {
  const std::lock_guard lock(channel_.life);
  channel_.channel = std::move(channel);
  accepting_ = true;
}

void SendQueue::stop() noexcept {
  const std::lock_guard lock(channel_.life);
  accepting_ = false;
}

std::unique_ptr<packet::Channel> SendQueue::take_channel() noexcept {
  const std::lock_guard lock(channel_.life);
  accepting_ = false;
  ring_open_ = false;
  count_ = 0;
  return std::move(channel_.channel);
}

Packet* SendQueue::allocate() noexcept {
  // For a RestorePacket of this channel, which stays as long as that runs.
  packet::Channel* const restored = packet::restoring_channel;
  if (restored != nullptr && restored->config().handle == &channel_) return restored->allocate();
  const std::lock_guard lock(channel_.life);
  return accepting_ ? channel_.channel->allocate() : nullptr;
}

void SendQueue::begin_restore() noexcept {
  const std::lock_guard lock(channel_.life);
  restoring_ = true;
}

void SendQueue::end_restore() noexcept {
  const std::lock_guard lock(channel_.life);
  restoring_ = false;
}

bool SendQueue::is_sendable(const Packet& packet) const noexcept {
  if (!accepting_ || packet.channel != channel_.channel.get()) return false;
  if (packet.in_use || packet.direction != packet::Direction::kOutgoing) return false;
  return packet.origin == packet::Origin::kAllocated ||
         (packet.origin == packet::Origin::kCaller && packet.completion_routine != nullptr);
}

// What is refused because of the very callback that sends is counted.
Status SendQueue::busy() noexcept {
  const bool is_restoring =
      packet::restoring_channel != nullptr && packet::restoring_channel->config().handle == &channel_;
  if (is_restoring || save::InsideCallbacks::of(&channel_.vm->session())) {
    channel_.counters.sends_inside.fetch_add_relaxed(1);
  }
  return Status::kDeviceBusy;
}

Status SendQueue::send(Packet& packet, std::span<const std::byte> payload, bool completion_requested) noexcept {
  bool done = false;
  {
    const std::lock_guard lock(channel_.life);
    if (!is_sendable(packet)) return Status::kInvalidDeviceState;
    if (restoring_) return busy();
    packet::Channel& channel = *channel_.channel;
    const ClaimStatus claimed = channel.claim_send(packet);
    if (claimed == ClaimStatus::kPaused) return busy();
    if (claimed == ClaimStatus::kFull) return Status::kInsufficientResources;
    if (!payload.empty()) {
      std::memcpy(packet.payload(channel_.config.context_bytes), payload.data(), payload.size());
    }
    packet.data_bytes = static_cast<std::uint32_t>(payload.size());
    packet.completion_requested = completion_requested;
    packet.queued = count_ != 0 || !to_ring(packet);
    if (packet.queued) push(packet);
    done = !packet.queued && !completion_requested;
    if (done) {
      channel.withdraw_send(packet, false);
    } else {
      channel.publish_send(packet);
    }
  }
  channel_.counters.sent.fetch_add_relaxed(1);
  if (done) finish(packet, STATUS_SUCCESS, nullptr, 0);
  return Status::kSuccess;
}

void SendQueue::open_ring() noexcept {
  const std::lock_guard lock(channel_.life);
  first_ = 0;
  count_ = 0;
  for (std::uint32_t i = 0; i < channel_.config.sends; ++i) {
    if (Packet* const packet = channel_.channel->send_in(i); packet != nullptr && packet->queued) push(*packet);
  }
  std::sort(queue_.begin(), queue_.begin() + count_,
            [](const Packet* a, const Packet* b) { return a->sequence < b->sequence; });
  ring_open_ = true;
}

void SendQueue::close_ring() noexcept {
  const std::lock_guard lock(channel_.life);
  ring_open_ = false;
}

void SendQueue::flush() noexcept {
  for (bool more = true; more;) {
    if (Packet* const done = flush_one(more); done != nullptr) finish(*done, STATUS_SUCCESS, nullptr, 0);
  }
}

// Gives the packet if its transaction is over with that.
Packet* SendQueue::flush_one(bool& more) noexcept {
  const std::lock_guard lock(channel_.life);
  packet::Channel& channel = *channel_.channel;
  more = false;
  if (count_ == 0 || !ring_open_ || !channel.retake_send(*front())) return nullptr;
  Packet& packet = *front();
  if (!to_ring(packet)) {
    channel.publish_send(packet);
    return nullptr;
  }
  more = true;
  pop();
  packet.queued = false;
  if (packet.completion_requested) {
    channel.publish_send(packet);
    return nullptr;
  }
  channel.withdraw_send(packet, false);
  return &packet;
}

Status SendQueue::answer(std::uint64_t transaction_id, std::span<std::byte> result,
                         void (*consume)(VMBCHANNEL__&)) noexcept {
  packet::Channel& channel = *channel_.channel;
  Packet* packet = nullptr;
  {
    const std::lock_guard lock(channel_.life);
    packet = channel.find_send(transaction_id);
    if (packet == nullptr || packet->queued || !packet->completion_requested) {
      consume(channel_);
      return Status::kInvalidParameter;
    }
    if (!channel.retake_send(*packet)) return Status::kDeviceBusy;
    consume(channel_);
    channel.withdraw_send(*packet, true);
  }
  finish(*packet, STATUS_SUCCESS, result.empty() ? nullptr : result.data(), static_cast<std::uint32_t>(result.size()));
  channel.indicated();
  return Status::kSuccess;
}

void SendQueue::cancel(bool all) noexcept {
  for (std::uint32_t i = 0; i < channel_.config.sends; ++i) {
    if (Packet* const packet = cancel_in(i, all); packet != nullptr) finish(*packet, STATUS_CANCELLED, nullptr, 0);
  }
}

Packet* SendQueue::cancel_in(std::uint32_t slot, bool all) noexcept {
  const std::lock_guard lock(channel_.life);
  packet::Channel& channel = *channel_.channel;
  if (all) count_ = 0;
  Packet* const packet = channel.send_in(slot);
  if (packet == nullptr || (packet->queued && !all) || !channel.retake_send(*packet)) return nullptr;
  packet->queued = false;
  channel.withdraw_send(*packet, false);
  return packet;
}

std::uint32_t SendQueue::queued() const noexcept {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < channel_.config.sends; ++i) {
    const Packet* const packet = channel_.channel->send_in(i);
    if (packet != nullptr && packet->queued) ++count;
  }
  return count;
}

void SendQueue::push(Packet& packet) noexcept {
  queue_[(first_ + count_) % queue_.size()] = &packet;
  ++count_;
}

void SendQueue::pop() noexcept {
  first_ = (first_ + 1) % static_cast<std::uint32_t>(queue_.size());
  --count_;
}

bool SendQueue::to_ring(Packet& packet) noexcept {
  return ring_open_ && channel_.transport.SendPacket(
                           channel_.transport_context, packet.transaction_id, packet.completion_requested ? 1 : 0,
                           packet.payload(channel_.config.context_bytes), packet.data_bytes) != 0;
}

// The packet is the VSP's again. A routine that throws has run.
void SendQueue::finish(Packet& packet, NTSTATUS status, void* buffer, std::uint32_t bytes) noexcept {
  if (packet.completion_routine == nullptr) {
    static_cast<packet::Channel*>(packet.channel)->free(packet);
    return;
  }
  const CallScope inside(channel_.vm, &channel_);
  try {
    packet.completion_routine(packet::to_handle(&packet), status, buffer, bytes);
  } catch (...) {
    channel_.counters.misuses.fetch_add_relaxed(1);
  }
}

}  // namespace vmbsave::kmcl
