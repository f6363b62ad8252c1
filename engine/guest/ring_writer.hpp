// ring_writer.hpp: the writing end of a ring, for any number of threads. Room in the ring can be set aside, so that
// what is written into it later cannot fail.
#pragma once

#include <mutex>

#include "guest/ring.hpp"
#include "vmbsave/guest.hpp"

namespace vmbsave::guest {

struct OutgoingPacket {
  PacketType type = PacketType::kDataInBand;
  bool completion_requested = false;
  std::uint64_t transaction_id = 0;
  std::span<const std::byte> payload = {};
  std::span<const GpaRange> ranges =
      {};  // GPA-direct: at least one, each with as many page numbers as it touches pages
};

struct PutResult {
  enum class Status { kWritten, kFull, kTooLong } status = Status::kWritten;
  bool signal_reader = false;  // it is idle, and must be told
  bool room_came = false;      // for somebody who found the ring full earlier
};

// Lock: the state of this end, for the time of one copy. Who finds the ring full is owed a wake-up: by room_came(),
// after the reader's consume() said so, or by the caller of a function here that says that room came.
class RingWriter {
 public:
  explicit RingWriter(Ring ring) noexcept : ring_(ring) {}

  // Takes up writing where the ring's indices say, with nothing set aside. False: they say nothing sensible, and the
  // writer cannot be used.
  bool attach() noexcept;

  // Not into room that is set aside. kTooLong: not into the empty ring either.
  PutResult put(const OutgoingPacket& packet) noexcept;

  // Sets `bytes` of the ring aside. False: there is no such room.
  bool reserve(std::uint64_t bytes) noexcept;

  // Gives them back. True: room came.
  bool release(std::uint64_t bytes) noexcept;

  // Into `reserved` bytes set aside, of which the packet may need fewer; the rest is given back.
  PutResult put_reserved(std::uint64_t reserved, const OutgoingPacket& packet) noexcept;

  // Whether there is room now for somebody who found none; then he waits no longer.
  bool room_came() noexcept;

  // The reader's index went where no reader moves it. What was known to be free is still written to; more never comes.
  bool broken() const noexcept { return broken_.load_relaxed(); }

  std::uint32_t free_bytes() noexcept;      // that a packet can take now, headers included
  std::uint32_t reserved_bytes() noexcept;  // set aside

 private:
  bool valid() const noexcept;
  bool is_possible(std::uint64_t bytes) const noexcept;
  std::uint32_t room() const noexcept { return ring_.capacity() - used_ - reserved_; }
  bool find_room(std::uint32_t bytes) noexcept;
  void set_waiting(std::uint32_t bytes) noexcept;
  bool end_wait() noexcept;
  void take_read_index(std::uint32_t index) noexcept;
  bool publish(const OutgoingPacket& packet, std::uint32_t bytes) noexcept;

  Ring ring_;
  std::mutex mutex_;
  std::uint32_t write_ = 0;     // the write index; the ring's word only tells the reader of it
  std::uint32_t used_ = 0;      // from the last read index that made sense
  std::uint32_t reserved_ = 0;  // used_ + reserved_ <= capacity
  std::uint32_t waiting_ = 0;   // least room that somebody waits for, beyond what is set aside; 0: nobody
  base::Atomic<bool> broken_;
};

}  // namespace vmbsave::guest
