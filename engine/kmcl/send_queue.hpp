// send_queue.hpp: the packets that a channel sends: into the ring if there is room, else in order behind the others.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "packet/vm.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::kmcl {

// One lock orders what is sent; it is held while the transport writes into the ring, and never while a completion
// routine runs. What a save describes changes only in slots that are Filling, for which its begin waits: a packet is
// queued, in the ring or answered.
class SendQueue {
 public:
  explicit SendQueue(VMBCHANNEL__& channel) noexcept : channel_(channel) {}

  // Room for every packet that the channel may have in use. Before start; may throw std::bad_alloc.
  void prepare();
  // The channel's life begins: packets are allocated and taken until stop().
  void start(std::unique_ptr<packet::Channel> channel) noexcept;
  void stop() noexcept;
  // And ends: nobody finds it through the handle any more.
  std::unique_ptr<packet::Channel> take_channel() noexcept;

  // nullptr: no memory, too many, or stopped.
  packet::Packet* allocate() noexcept;

  // Between them nothing is taken.
  void begin_restore() noexcept;
  void end_restore() noexcept;

  // kDeviceBusy: a save runs, or packets are being restored. kInsufficientResources: no slot. kInvalidDeviceState: the
  // packet is in use, of another life, or has no routine; or stopped. Else taken: the routine may have run already.
  Status send(packet::Packet& packet, std::span<const std::byte> payload, bool completion_requested) noexcept;

  // Opens the ring; restored packets that were queued are queued again.
  void open_ring() noexcept;
  void close_ring() noexcept;
  // Puts into the ring what fits.
  void flush() noexcept;

  // The guest has answered: ends the packet's transaction and calls consume() before a save can see that. The thread
  // inside the gate. kDeviceBusy: a save runs. kInvalidParameter: there is no such packet; consumed all the same.
  Status answer(std::uint64_t transaction_id, std::span<std::byte> result, void (*consume)(VMBCHANNEL__&)) noexcept;

  // Ends with STATUS_CANCELLED what the guest can no longer answer, and with `all`, after stop(), what is queued. While
  // no save runs.
  void cancel(bool all) noexcept;

  // Also before a restored channel's first Start. Under the lock; O(sends).
  std::uint32_t queued() const noexcept;

 private:
  packet::Packet* front() const noexcept { return queue_[first_]; }
  void push(packet::Packet& packet) noexcept;
  void pop() noexcept;
  bool to_ring(packet::Packet& packet) noexcept;
  packet::Packet* flush_one(bool& more) noexcept;
  packet::Packet* cancel_in(std::uint32_t slot, bool all) noexcept;
  bool is_sendable(const packet::Packet& packet) const noexcept;
  Status busy() noexcept;
  void finish(packet::Packet& packet, NTSTATUS status, void* buffer, std::uint32_t bytes) noexcept;

  VMBCHANNEL__& channel_;  // whose `life` is the lock
  bool accepting_ = false;
  bool ring_open_ = false;
  bool restoring_ = false;
  std::vector<packet::Packet*> queue_ = {nullptr};  // a circle
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace vmbsave::kmcl
