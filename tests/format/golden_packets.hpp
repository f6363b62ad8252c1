// golden_packets.hpp: the packets of the golden images. Never changed: the images hold them for ever.
#pragma once

#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {

inline constexpr packet::ChannelConfig kGoldenChannels{.capacity = 100, .sends = 4, .result_bytes = 64};
inline constexpr unsigned kGoldenChannelCount = 3;

// One that the VSP has sent; `payload` bytes of it still queue for the ring.
inline void send_golden(TestChannel& channel, std::uint32_t payload) {
  packet::Packet* const packet = channel->allocate();
  ASSERT_EQ(channel->claim_send(*packet), packet::ClaimStatus::kClaimed);
  TestChannel::state_of(packet) = {packet->transaction_id, 24};
  packet->completion_requested = true;
  packet->queued = payload != 0;
  packet->data_bytes = payload;
  std::byte* const bytes = packet->payload(channel->config().context_bytes);
  for (std::uint32_t i = 0; i < payload; ++i) bytes[i] = static_cast<std::byte>(i + 1);
  channel->publish_send(*packet);
}

// Channel 0: 70 packets of the guest, some without state, some completed meanwhile. 1: none. 2: packets of both sides.
inline void fill_golden(TestVm& vm) {
  std::vector<packet::Packet*> packets;
  for (std::uint32_t i = 0; i < 80; ++i) packets.push_back(vm[0].receive(1000 + i * 3, i % 5 * 40));
  for (std::uint32_t i = 0; i < 80; i += 8) ASSERT_EQ(vm[0].complete(packets[i]), Status::kSuccess);
  for (std::uint32_t i = 0; i < 3; ++i) vm[2].receive(7 + i, 624);
  send_golden(vm[2], 0);
  send_golden(vm[2], 13);
}

}  // namespace vmbsave::test
