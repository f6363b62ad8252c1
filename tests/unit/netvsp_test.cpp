#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "netvsp_requests.hpp"
#include "vsp/generated.hpp"
#include "vsp/netvsp/receive_sections.hpp"
#include "vsp/netvsp/rndis.hpp"

namespace vmbsave::netvsp {
namespace {

Bytes bytes_at(const void* at, std::size_t count) {
  const auto* const first = static_cast<const std::uint8_t*>(at);
  return Bytes(first, first + count);
}

TEST(NetvspWire, FactoryDescribesItself) {
  EXPECT_EQ(vsp().version, static_cast<UINT32>(VMBS_VSP_VERSION));
  EXPECT_EQ(vsp().size, sizeof(VMBS_VSP));
  EXPECT_STREQ(vsp().name, "netvsp");
  EXPECT_EQ(vsp().max_state_bytes, 20u + 4 * 38);
  EXPECT_EQ(vsp().concurrent_callbacks, 1u);
}

TEST(NetvspEncode, AFrameInASectionAsOnTheWire) {
  const Device device;
  const VMBS_VSP_PACKET first = encoded(device, transmit(0));
  const VMBS_VSP_PACKET packet = encoded(device, frame(1, VMBS_VSP_TRANSMIT, 9, 100, 0x1122334455667788));
  EXPECT_EQ(first.bytes[8], 0);
  ASSERT_EQ(packet.length, 40u);
  EXPECT_EQ(packet.range_count, 0u);
  Bytes nvsp = {107, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 69, 0, 0, 0};
  nvsp.resize(40);
  EXPECT_EQ(bytes_at(packet.bytes, 40), nvsp);
  const Bytes head = {
      1,    0,    0,    0,    69, 0, 0, 0,               // packet, length
      52,   0,    0,    0,    9,  0, 0, 0,               // data: behind 60 bytes, 9 of them
      0,    0,    0,    0,    0,  0, 0, 0, 0,  0, 0, 0,  // nothing out of band
      36,   0,    0,    0,    16, 0, 0, 0,               // infos
      0,    0,    0,    0,    0,  0, 0, 0,               // handle, reserved
      16,   0,    0,    0,    8,  0, 0, 0, 12, 0, 0, 0,  // hash
      0x88, 0x77, 0x66, 0x55,
  };
  EXPECT_EQ(bytes_at(device->send_section(1), 60), head);
  EXPECT_TRUE(is_frame(device->send_section(1) + 60, 1, 9));
  EXPECT_FALSE(is_frame(device->send_section(1) + 60, 0, 9));
}

TEST(NetvspEncode, AFrameThatFitsNoSectionIsARangeAPage) {
  const Device device;
  const VMBS_VSP_PACKET packet = encoded(device, frame(7, VMBS_VSP_TRANSMIT, 16162, 1000));
  Bytes nvsp = {107, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF};
  nvsp.resize(40);
  EXPECT_EQ(bytes_at(packet.bytes, packet.length), nvsp);
  EXPECT_EQ(packet.held, 0u);
  ASSERT_EQ(packet.range_count, 6u);
  const std::uint32_t expected[][2] = {{60, 0}, {3096, 1000}, {4096, 0}, {4096, 0}, {4096, 0}, {778, 0}};
  for (std::uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(packet.ranges[i].byte_count, expected[i][0]);
    EXPECT_EQ(packet.ranges[i].byte_offset, expected[i][1]);
    EXPECT_EQ(packet.ranges[i].page_count, 1u);
    EXPECT_EQ(packet.pages[i], bench::page_number(7, i));
  }
  EXPECT_EQ(device->send_sections.taken(), 0u);
}

TEST(NetvspEncode, TheLongestMessageOfASection) {
  const Device device;
  EXPECT_EQ(encoded(device, transmit(0, 6075)).range_count, 0u) << "60 + 6,075 + 8 < 6,144";
  EXPECT_EQ(encoded(device, transmit(1, 6076)).range_count, 3u);
  EXPECT_EQ(encoded(device, frame(2, VMBS_VSP_TRANSMIT, 65553, 4095)).range_count, 19u);
}

TEST(NetvspEncode, SectionsComeBack) {
  const Device device;
  std::vector<VMBS_VSP_PACKET> packets;
  for (std::uint64_t i = 0; i < 171; ++i) packets.push_back(encoded(device, transmit(i)));
  EXPECT_EQ(device->send_sections.taken(), 170u);
  EXPECT_EQ(packets[169].range_count, 0u);
  EXPECT_EQ(packets[170].range_count, 2u) << "none was left";
  vsp().retire(device.get(), packets[100].held);
  EXPECT_EQ(encoded(device, transmit(171)).held, packets[100].held);
  vsp().retire(device.get(), 0);
  EXPECT_EQ(device->send_sections.taken(), 170u);
}

TEST(NetvspEncode, RefusesWhatDoesNotFit) {
  const Device device;
  for (const VMBS_VSP_REQUEST& bad :
       {transmit(0, 0), transmit(0, 65554), transmit(0, 0xFFFFFFFF), frame(0, VMBS_VSP_TRANSMIT, 60, 4096),
        frame(0, VMBS_VSP_WRITE, 512), receive(0)}) {
    VMBS_VSP_PACKET packet{};
    EXPECT_EQ(vsp().encode(device.get(), &bad, &packet), STATUS_INVALID_PARAMETER) << bad.bytes;
  }
  EXPECT_EQ(device->send_sections.taken(), 0u);
}

NTSTATUS told(Bytes bytes) {
  NTSTATUS status = STATUS_PENDING;
  const NTSTATUS parsed = vsp().outcome(bytes.data(), static_cast<UINT32>(bytes.size()), &status);
  return NT_SUCCESS(parsed) ? status : STATUS_PENDING;
}

TEST(NetvspOutcome, EachStatusIsWhatItSays) {
  Bytes completion(40);
  completion[0] = 108;
  completion[4] = 1;
  EXPECT_EQ(told(completion), STATUS_SUCCESS);
  completion[4] = 2;
  EXPECT_EQ(told(completion), STATUS_UNSUCCESSFUL);
  completion[4] = 5;
  EXPECT_EQ(told(completion), STATUS_INVALID_PARAMETER);
  for (const std::uint8_t none : Bytes{0, 3, 4, 7}) {
    completion[4] = none;
    EXPECT_EQ(told(completion), STATUS_PENDING);
  }
  completion[4] = 1;
  completion[0] = 107;
  EXPECT_EQ(told(completion), STATUS_PENDING);
  completion[0] = 108;
  completion.pop_back();
  EXPECT_EQ(told(completion), STATUS_PENDING);
}

TEST(NetvspReference, Layouts) {
  EXPECT_EQ(reference(transmit(0x0102, 60, VMBS_VSP_DROPPED)),
            (Bytes{'N', 'V', 'S', 'T', 1, 0, 20, 0, 3, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0}));
  VMBS_VSP_REQUEST seen = receive(5);
  EXPECT_TRUE(reference(seen).empty()) << "no guest has seen it";
  seen.transaction_id = 0x0A0B;
  seen.first_buffer = 0x25EB;
  seen.buffers = 2;
  EXPECT_EQ(reference(seen), (Bytes{'N', 'V', 'S', 'R', 1, 0, 28,   0,    0x0B, 0x0A, 0,    0,    0, 0,
                                    0,   0,   2,   0,   0, 0, 0xEB, 0x25, 0,    0,    0xEC, 0x25, 0, 0}));
  EXPECT_TRUE(reference(frame(0, VMBS_VSP_WRITE, 512)).empty());
}

// ---- which sections are taken ------------------------------------------------------------------------------------

TEST(SectionMap, GivesEachSectionOnce) {
  SectionMap<170> map;
  for (std::uint32_t i = 0; i < 170; ++i) EXPECT_EQ(map.take(1), i);
  EXPECT_EQ(map.take(1), kNoSection);
  map.give(64, 1);
  EXPECT_EQ(map.take(2), kNoSection);
  EXPECT_EQ(map.take(1), 64u);
}

TEST(SectionMap, RunsLieSideBySideWithinAWord) {
  SectionMap<170> map;
  EXPECT_EQ(map.take(38), 0u);
  EXPECT_EQ(map.take(38), 64u);
  EXPECT_EQ(map.take(26), 38u);
  EXPECT_EQ(map.take(64), kNoSection) << "the last word has 42";
  EXPECT_EQ(map.take(42), 128u);
  EXPECT_EQ(map.taken(), 38u + 38 + 26 + 42);
  map.give(0, 64);
  EXPECT_EQ(map.take(64), 0u);
  map.give(10, 1);
  map.give(12, 2);
  EXPECT_EQ(map.take(2), 12u);
}

TEST(SectionMap, OneByItsNumber) {
  SectionMap<170> map;
  EXPECT_TRUE(map.take_one(169));
  EXPECT_FALSE(map.take_one(169));
  EXPECT_FALSE(map.take_one(170));
  EXPECT_FALSE(map.take_one(0xFFFFFFFF));
  EXPECT_EQ(map.taken(), 1u);
}

TEST(ReceiveSections, AClaimIsWholeOrNothing) {
  const Device device;
  Vnic& vnic = vnic_of(device.get());
  ReceiveSections first(vnic), second(vnic);
  EXPECT_TRUE(first.claim(60, 8)) << "over the end of a word";
  EXPECT_FALSE(second.claim(58, 4));
  EXPECT_FALSE(second.claim(9700, 10)) << "there are 9,709";
  EXPECT_EQ(vnic.receive_sections.taken(), 8u);
  EXPECT_TRUE(second.claim(58, 2));
  EXPECT_TRUE(second.claim(9700, 9));
  second.give_all();
  EXPECT_EQ(vnic.receive_sections.taken(), 8u) << "the other channel's";
  first.give(60, 8);
  EXPECT_EQ(vnic.receive_sections.taken(), 0u);
}

}  // namespace
}  // namespace vmbsave::netvsp
