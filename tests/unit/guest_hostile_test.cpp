// A guest, or a host, that writes nonsense into the rings: refused, and the other side goes on.
#include <gtest/gtest.h>

#include <cstring>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

// Overwrites a word of a ring's control page.
void poke(std::span<std::byte> ring, std::size_t at, std::uint32_t value) {
  std::memcpy(ring.data() + at, &value, sizeof value);
}
constexpr std::size_t kWriteIndex = 0;
constexpr std::size_t kReadIndex = 4;

TEST(HostileGuest, PacketThatIsNoneStopsTheQueue) {
  Endpoint endpoint;
  ASSERT_TRUE(endpoint.receive(1, 0));
  const Request request{0, 0};
  ASSERT_TRUE(endpoint.guest->send(2, std::as_bytes(std::span(&request, 1)), true));
  endpoint.guest->to_host_memory()[4096 + 32] = std::byte{7};  // its type
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INVALID_DEVICE_STATE);
  endpoint.complete_all();
  EXPECT_EQ(endpoint.completions(), std::vector<UINT64>{1}) << "what came before is completed";
}

TEST(HostileGuest, WriteIndexThatIsNoneStopsTheQueue) {
  Endpoint endpoint;
  poke(endpoint.guest->to_host_memory(), kWriteIndex, 0xFFFF'FFF0);
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INVALID_DEVICE_STATE);
}

TEST(HostileGuest, ReadIndexThatIsNoneStopsTheQueueWhenRoomRunsOut) {
  Endpoint endpoint({.maximum_packet = 2000, .rings = {.to_guest_pages = 2}});
  ASSERT_TRUE(endpoint.receive(1, 0));
  ASSERT_TRUE(endpoint.receive(2, 0));
  poke(endpoint.guest->to_guest_memory(), kReadIndex, 0x1234'5678);
  EXPECT_FALSE(endpoint.receive(3, 0));
  EXPECT_EQ(endpoint.signal_status, STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_TRUE(endpoint.guest->host_work_due());
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INVALID_DEVICE_STATE);
  EXPECT_FALSE(endpoint.guest->host_work_due()) << "once";
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  Bytes payload(2000);
  EXPECT_EQ(VmbPacketSend(packet, payload.data(), 2000, nullptr, 0), STATUS_SUCCESS) << "queued";
  EXPECT_FALSE(endpoint.guest->host_work_due()) << "nothing that a signal could change";
  endpoint.complete_all();  // into what was set aside
}

TEST(HostileGuest, RingsWithoutIndicesAreNotOpened) {
  Endpoint endpoint({.open = false});
  for (const auto ring : {endpoint.guest->to_host_memory(), endpoint.guest->to_guest_memory()}) {
    poke(ring, kReadIndex, 3);
    EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_DATA_ERROR);
    poke(ring, kReadIndex, 0);
  }
  poke(endpoint.guest->to_guest_memory(), kWriteIndex, 0x8000'0000);
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_DATA_ERROR);
  poke(endpoint.guest->to_guest_memory(), kWriteIndex, 0);
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
}

TEST(HostileHost, GuestReceivesNoNonsense) {
  Endpoint endpoint;
  endpoint.fill(1);
  UINT32 range[] = {0, 1, 8, 0, 0x77, 0};  // a header of one range, of one page
  VmbChannelPacketComplete(endpoint.packets[0], range, sizeof range);
  const auto packet = endpoint.guest->to_guest_memory().subspan(4096);
  packet[0] = std::byte{9};  // GPA-direct, sound, and nothing that hosts send
  packet[2] = std::byte{5};
  EXPECT_FALSE(endpoint.guest->receive());
  EXPECT_TRUE(endpoint.guest->malformed());
  packet[0] = std::byte{8};
  EXPECT_FALSE(endpoint.guest->receive());
  EXPECT_TRUE(endpoint.guest->malformed());
  packet[0] = std::byte{0xB};
  EXPECT_TRUE(endpoint.guest->receive());
  EXPECT_FALSE(endpoint.guest->malformed());
}

}  // namespace
}  // namespace vmbsave::test
