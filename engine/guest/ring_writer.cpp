#include "guest/ring_writer.hpp"

#include <algorithm>

namespace vmbsave::guest {
namespace {

// The header between descriptor and payload.
std::uint64_t extended_bytes(const OutgoingPacket& packet) noexcept {
  if (packet.type != PacketType::kDataUsingGpaDirect) return 0;
  std::uint64_t bytes = sizeof(GpaDirectHeader) - sizeof(PacketDescriptor);
  for (const GpaRange& range : packet.ranges) bytes += sizeof(GpaRangeHeader) + range.page_numbers.size_bytes();
  return bytes;
}

std::uint64_t bytes_of(const OutgoingPacket& packet) noexcept {
  return ring_bytes(packet.payload.size()) + extended_bytes(packet);
}

}  // namespace

bool RingWriter::attach() noexcept {
  const std::lock_guard lock(mutex_);
  ControlPage& control = ring_.control();
  write_ = control.write_index.load_relaxed();
  // [ring_room]
  const std::uint32_t read_index = control.read_index.load_acquire();
  control.pending_send_size.store_relaxed(0);
  reserved_ = 0;
  waiting_ = 0;
  const bool sound = ring_.is_index(write_) && ring_.is_index(read_index);
  used_ = sound ? ring_.distance(read_index, write_) : ring_.capacity();
  if (!sound) write_ = 0;
  broken_.store_relaxed(!sound);
  return sound;
}

PutResult RingWriter::put(const OutgoingPacket& packet) noexcept {
  const std::uint64_t bytes = bytes_of(packet);
  if (!is_possible(bytes)) return {.status = PutResult::Status::kTooLong};
  const std::lock_guard lock(mutex_);
  if (!find_room(static_cast<std::uint32_t>(bytes))) return {.status = PutResult::Status::kFull};
  return {.signal_reader = publish(packet, static_cast<std::uint32_t>(bytes))};
}

bool RingWriter::reserve(std::uint64_t bytes) noexcept {
  if (!is_possible(bytes)) return false;
  const std::lock_guard lock(mutex_);
  if (!find_room(static_cast<std::uint32_t>(bytes))) return false;
  reserved_ += static_cast<std::uint32_t>(bytes);
  if (waiting_ != 0) set_waiting(waiting_);
  VMBSAVE_ASSERT(valid());
  return true;
}

bool RingWriter::release(std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  VMBSAVE_ASSERT(bytes <= reserved_);
  reserved_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, reserved_));
  return end_wait();
}

PutResult RingWriter::put_reserved(std::uint64_t reserved, const OutgoingPacket& packet) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint64_t bytes = bytes_of(packet);
  VMBSAVE_ASSERT(bytes <= reserved && reserved <= reserved_);
  reserved_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(reserved, reserved_));
  if (bytes > room() || !is_possible(bytes)) return {.status = PutResult::Status::kFull};  // not what was set aside
  PutResult result{.signal_reader = publish(packet, static_cast<std::uint32_t>(bytes))};
  result.room_came = end_wait();
  return result;
}

bool RingWriter::room_came() noexcept {
  const std::lock_guard lock(mutex_);
  return end_wait();
}

std::uint32_t RingWriter::free_bytes() noexcept {
  const std::lock_guard lock(mutex_);
  // [ring_room]
  take_read_index(ring_.control().read_index.load_acquire());
  return room();
}

std::uint32_t RingWriter::reserved_bytes() noexcept {
  const std::lock_guard lock(mutex_);
  return reserved_;
}

// Of one packet.
bool RingWriter::is_possible(std::uint64_t bytes) const noexcept {
  return bytes <= ring_.capacity() && bytes <= kMaxPacketBytes + sizeof(PacketFooter);
}

bool RingWriter::valid() const noexcept {
  return ring_.is_index(write_) && used_ <= ring_.capacity() && reserved_ <= ring_.capacity() - used_;
}

// False: there is none, and the caller is entered among those who wait.
bool RingWriter::find_room(std::uint32_t bytes) noexcept {
  if (bytes <= room()) return true;
  // [ring_room]
  take_read_index(ring_.control().read_index.load_acquire());
  if (bytes <= room()) return true;
  const std::uint32_t before = waiting_;
  set_waiting(before == 0 ? bytes : std::min(before, bytes));
  // [ring_full] meets [ring_take]: either this sees the room, or the reader sees the pending send
  take_read_index(ring_.control().read_index.fetch_add_acq_rel(0));
  if (bytes > room()) return false;
  set_waiting(before);
  return true;
}

// The reader knows nothing of room that is set aside: it is asked for both.
void RingWriter::set_waiting(std::uint32_t bytes) noexcept {
  waiting_ = bytes;
  ring_.control().pending_send_size.store_relaxed(bytes == 0 ? 0 : reserved_ + bytes);
}

// After less is set aside, or on the reader's signal. True: whoever waits has room, and is entered no longer.
bool RingWriter::end_wait() noexcept {
  VMBSAVE_ASSERT(valid());
  if (waiting_ == 0) return false;
  set_waiting(waiting_);
  // [ring_full] as in find_room
  take_read_index(ring_.control().read_index.fetch_add_acq_rel(0));
  if (waiting_ > room()) return false;
  set_waiting(0);
  return true;
}

// An honest reader only ever leaves less in the ring.
void RingWriter::take_read_index(std::uint32_t index) noexcept {
  if (broken()) return;
  const std::uint32_t used = ring_.is_index(index) ? ring_.distance(index, write_) : UINT32_MAX;
  if (used > used_) {
    broken_.store_relaxed(true);
  } else {
    used_ = used;
  }
}

// Writes a packet that there is room for. True: the reader must be told.
bool RingWriter::publish(const OutgoingPacket& packet, std::uint32_t bytes) noexcept {
  const std::uint32_t begin = write_;
  const auto extended = static_cast<std::uint32_t>(extended_bytes(packet));
  const PacketDescriptor descriptor{
      .type = static_cast<std::uint16_t>(packet.type),
      .data_offset8 = static_cast<std::uint16_t>((sizeof(PacketDescriptor) + extended) / kRingUnit),
      .length8 = static_cast<std::uint16_t>((bytes - sizeof(PacketFooter)) / kRingUnit),
      .flags = packet.completion_requested ? kFlagCompletionRequested : std::uint16_t{0},
      .transaction_id = packet.transaction_id};
  std::uint32_t at = ring_.copy_in(begin, &descriptor, sizeof descriptor);
  if (extended != 0) {
    const std::uint32_t counts[2] = {0, static_cast<std::uint32_t>(packet.ranges.size())};
    at = ring_.copy_in(at, counts, sizeof counts);
    for (const GpaRange& range : packet.ranges) {
      const GpaRangeHeader header{range.byte_count, range.byte_offset};
      at = ring_.copy_in(at, &header, sizeof header);
      at = ring_.copy_in(at, range.page_numbers.data(), static_cast<std::uint32_t>(range.page_numbers.size_bytes()));
    }
  }
  const auto length = static_cast<std::uint32_t>(packet.payload.size());
  at = ring_.copy_in(at, packet.payload.data(), length);
  constexpr std::byte kPadding[kRingUnit] = {};
  at = ring_.copy_in(at, kPadding, static_cast<std::uint32_t>(base::align_up(length, kRingUnit)) - length);
  const PacketFooter footer{0, begin};
  write_ = ring_.copy_in(at, &footer, sizeof footer);
  used_ += bytes;
  VMBSAVE_ASSERT(valid() && write_ == ring_.advance(begin, bytes));

  ControlPage& control = ring_.control();
  // [ring_put] meets [ring_idle]: either the reader sees the packet, or this sees that it is idle
  control.write_index.exchange_acq_rel(write_);
  return control.interrupt_mask.load_relaxed() == 0 && control.read_index.load_relaxed() == begin;
}

}  // namespace vmbsave::guest
