#include "packet/channel.hpp"

namespace vmbsave::packet {

bool PacketStore::reserve(void* channel, const ChannelConfig& config) noexcept {
  packet_stride_ = packet_stride(config.context_bytes);
  result_stride_ = base::align_up(config.result_bytes, base::kCacheLine);
  packets_ = mem::Mapping::reserve(packet_stride_ * config.capacity);
  results_ = mem::Mapping::reserve(result_stride_ * config.capacity);
  if (!packets_ || !results_) return false;
  for (std::uint32_t slot = 0; slot < config.capacity; ++slot) {
    Packet* const packet = new (packets_.data() + slot * packet_stride_) Packet{};
    packet->channel = channel;
    packet->slot = slot;
  }
  return true;
}

}  // namespace vmbsave::packet
