#include "guest/ring_reader.hpp"

namespace vmbsave::guest {

bool RingReader::attach() noexcept {
  ControlPage& control = ring_.control();
  read_ = control.read_index.load_relaxed();
  peeked_ = 0;
  masked_ = false;
  control.interrupt_mask.store_relaxed(0);
  return ring_.is_index(read_);
}

PeekStatus RingReader::peek(ParsedPacket& packet) noexcept {
  peeked_ = 0;
  // [ring_look]
  std::uint32_t write_index = ring_.control().write_index.load_acquire();
  if (write_index == read_ && is_empty(write_index)) return PeekStatus::kEmpty;
  if (!ring_.is_index(write_index)) return PeekStatus::kMalformed;
  mask_signals(true);
  if (!copy_packet(ring_.distance(read_, write_index))) return PeekStatus::kMalformed;
  if (!parse_packet(copy_.first(peeked_ - sizeof(PacketFooter)), packet)) {
    peeked_ = 0;
    return PeekStatus::kMalformed;
  }
  return PeekStatus::kPacket;
}

// Whether the ring is still empty with signals unmasked: a packet that comes after this is signalled.
bool RingReader::is_empty(std::uint32_t& write_index) noexcept {
  mask_signals(false);
  // [ring_idle] meets [ring_put]: either this sees the packet, or its writer sees the mask and the read index
  write_index = ring_.control().write_index.fetch_add_acq_rel(0);
  return write_index == read_;
}

// Reads each word of the packet once.
bool RingReader::copy_packet(std::uint32_t available) noexcept {
  PacketDescriptor descriptor;
  if (available < sizeof descriptor + sizeof(PacketFooter)) return false;
  const std::uint32_t rest = ring_.copy_out(read_, &descriptor, sizeof descriptor);
  const std::uint32_t bytes = packet_bytes(descriptor);
  if (bytes == 0 || bytes + sizeof(PacketFooter) > available) return false;
  std::memcpy(copy_.data(), &descriptor, sizeof descriptor);
  PacketFooter footer;
  ring_.copy_out(ring_.copy_out(rest, copy_.data() + sizeof descriptor, bytes - std::uint32_t{sizeof descriptor}),
                 &footer, sizeof footer);
  if (footer.offset != read_) return false;
  peeked_ = bytes + std::uint32_t{sizeof footer};
  return true;
}

bool RingReader::consume() noexcept {
  if (peeked_ == 0) return false;
  ControlPage& control = ring_.control();
  read_ = ring_.advance(read_, peeked_);
  peeked_ = 0;
  // [ring_take] meets [ring_full]: either this sees the pending send, or its writer sees the room
  control.read_index.exchange_acq_rel(read_);
  const std::uint32_t pending = control.pending_send_size.load_relaxed();
  if (pending == 0 || (control.feature_bits.load_relaxed() & kFeaturePendingSendSize) == 0) return false;
  const std::uint32_t write_index = control.write_index.load_relaxed();
  return ring_.is_index(write_index) && ring_.capacity() - ring_.distance(read_, write_index) >= pending;
}

void RingReader::mask_signals(bool masked) noexcept {
  if (masked == masked_) return;
  masked_ = masked;
  ring_.control().interrupt_mask.store_relaxed(masked ? 1 : 0);
}

}  // namespace vmbsave::guest
