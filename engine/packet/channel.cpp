#include "packet/channel.hpp"

namespace vmbsave::packet {

bool PacketStore::reserve(const ChannelConfig& config) noexcept {
  packet_stride_ = packet_stride(config.context_bytes);
  result_stride_ = base::align_up(config.result_bytes, base::kCacheLine);
  packets_ = mem::Mapping::reserve(packet_stride_ * config.capacity);
  results_ = mem::Mapping::reserve(result_stride_ * config.capacity);
  return packets_ && results_;
}

}  // namespace vmbsave::packet
