#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <set>

#include "storvsp_requests.hpp"
#include "vsp/storvsp/guest.hpp"
#include "vsp/storvsp/request.hpp"
#include "vsp/storvsp/wire.hpp"

namespace vmbsave::storvsp {
namespace {

Bytes slice(const std::uint8_t* at, std::size_t bytes) { return Bytes(at, at + bytes); }

TEST(StorvspWire, PagesThatARangeTouches) {
  EXPECT_EQ(page_count(0, 512), 1u);
  EXPECT_EQ(page_count(0, 4096), 1u);
  EXPECT_EQ(page_count(0, 4097), 2u);
  EXPECT_EQ(page_count(3584, 512), 1u);
  EXPECT_EQ(page_count(3584, 1024), 2u);
  EXPECT_EQ(page_count(512, 65536), 17u);
  EXPECT_EQ(page_count(4095, 262144), 65u);
  EXPECT_EQ(page_count(4095, UINT32_MAX), 1048577u);
}

// Also of what somebody wrote into an image, where the library has not looked.
TEST(StorvspWire, RangesThatARequestMayHave) {
  EXPECT_EQ(valid_pages(0, 1), 1u);
  EXPECT_EQ(valid_pages(0, 262144), 64u);
  EXPECT_EQ(valid_pages(4095, 262144), 65u);
  EXPECT_EQ(valid_pages(0, 0), 0u) << "nothing";
  EXPECT_EQ(valid_pages(1, 0), 0u) << "nothing, though with a page";
  EXPECT_EQ(valid_pages(4096, 512), 0u) << "behind its first page";
  EXPECT_EQ(valid_pages(0, 262145), 0u) << "more data than allowed";
  EXPECT_EQ(valid_pages(4095, UINT32_MAX), 0u) << "overflows";
}

TEST(StorvspWire, FactoryDescribesItself) {
  EXPECT_EQ(vsp().version, VMBS_VSP_VERSION);
  EXPECT_EQ(vsp().size, sizeof(VMBS_VSP));
  EXPECT_STREQ(vsp().name, "storvsp");
  EXPECT_EQ(vsp().max_state_bytes, 604u);
  EXPECT_EQ(vsp().concurrent_callbacks, 1u);
}

// A recorded request: 6,656 bytes at block 40,409,911 = 0x02689B37.
TEST(StorvspEncode, Write10AsOnTheWire) {
  const VMBS_VSP_PACKET packet = encoded(request(3, VMBS_VSP_WRITE, 40409911, 6656, 0, 0x1234567890));
  ASSERT_EQ(packet.length, 64u);
  const Bytes expected = {
      3,    0,    0,    0,    1,    0,    0, 0, 0,  0, 0, 0,  // EXECUTE_SRB, completion wanted, status
      52,   0,    0,    0,    0,    0,    0, 0,               // length, statuses, address
      10,   20,   0,    0,    0x00, 0x1A, 0, 0,               // CDB and sense lengths, out, 6,656 bytes
      0x2A, 0,    0x02, 0x68, 0x9B, 0x37, 0, 0, 13, 0,        // WRITE(10), 13 blocks
      0,    0,    0,    0,    0,    0,    0, 0, 0,  0,        // rest of the CDB and padding
      0,    0,    0x90, 0x20,                                 // reserve, tag, simple queue
      0x8A, 0x01, 0,    0,    60,   0,    0, 0,               // flags, time-out
      0x90, 0x78, 0x56, 0x34,                                 // sort key
  };
  EXPECT_EQ(slice(packet.bytes, 64), expected);
}

TEST(StorvspEncode, Read10) {
  const VMBS_VSP_PACKET packet = encoded(request(0, VMBS_VSP_READ, 0xFFFFFFFF, 131072));
  EXPECT_EQ(packet.bytes[20], 10);    // CDB length
  EXPECT_EQ(packet.bytes[22], 1);     // in
  EXPECT_EQ(packet.bytes[52], 0x4A);  // DATA_IN instead of DATA_OUT
  EXPECT_EQ(slice(packet.bytes + 28, 10), (Bytes{0x28, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0x01, 0x00, 0}));
}

TEST(StorvspEncode, SixteenByteCdbBeyond32BitBlocks) {
  const VMBS_VSP_PACKET read = encoded(request(0, VMBS_VSP_READ, 0x100000000, 4096));
  EXPECT_EQ(read.bytes[20], 16);
  EXPECT_EQ(slice(read.bytes + 28, 16), (Bytes{0x88, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0}));
  const VMBS_VSP_PACKET write = encoded(request(0, VMBS_VSP_WRITE, 0x123456789A, 262144));
  EXPECT_EQ(slice(write.bytes + 28, 16),
            (Bytes{0x8A, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9A, 0, 0, 0x02, 0x00, 0, 0}));
}

TEST(StorvspEncode, DiscardIsWriteSameOfOneBlock) {
  const VMBS_VSP_PACKET packet = encoded(request(0, VMBS_VSP_DISCARD, 0x123456789A, 67108864, 4000));
  EXPECT_EQ(slice(packet.bytes + 28, 16),
            (Bytes{0x93, 0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9A, 0x00, 0x02, 0, 0, 0, 0}));
  EXPECT_EQ(packet.bytes[22], 0);
  EXPECT_EQ(slice(packet.bytes + 24, 4), (Bytes{0x00, 0x02, 0, 0}));
  EXPECT_EQ(packet.ranges[0].byte_count, 512u);
  EXPECT_EQ(packet.ranges[0].byte_offset, 0u);
  EXPECT_EQ(packet.ranges[0].page_count, 1u);
}

TEST(StorvspEncode, DiscardOfUnknownLengthIsUnmapOfOneRange) {
  const VMBS_VSP_PACKET packet = encoded(request(0, VMBS_VSP_DISCARD, 0x1234, 0));
  EXPECT_EQ(packet.bytes[20], 10);
  EXPECT_EQ(slice(packet.bytes + 28, 10), (Bytes{0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}));
  EXPECT_EQ(packet.bytes[22], 0);
  EXPECT_EQ(packet.ranges[0].byte_count, 24u);
}

TEST(StorvspEncode, RangeOfTheData) {
  const VMBS_VSP_PACKET packet = encoded(request(7, VMBS_VSP_READ, 0, 65536, 512));
  EXPECT_EQ(packet.ranges[0].byte_count, 65536u);
  EXPECT_EQ(packet.ranges[0].byte_offset, 512u);
  ASSERT_EQ(packet.ranges[0].page_count, 17u);
  for (std::uint32_t i = 0; i < 17; ++i) EXPECT_EQ(packet.pages[i], page_number(7, i));
}

TEST(StorvspEncode, PageNumbersArePureAnd36Bits) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t record = 0; record < 100; ++record) {
    for (std::uint32_t i = 0; i < kMaxPages; ++i) {
      EXPECT_EQ(page_number(record, i), page_number(record, i));
      EXPECT_LT(page_number(record, i), std::uint64_t{1} << 36);
      seen.insert(page_number(record, i));
    }
  }
  EXPECT_EQ(seen.size(), 6500u);
}

TEST(StorvspEncode, RefusesWhatDoesNotFit) {
  const std::array bad = {
      request(0, VMBS_VSP_READ, 0, 0),         request(0, VMBS_VSP_READ, 0, 511),
      request(0, VMBS_VSP_READ, 0, 262656),    request(0, VMBS_VSP_READ, 0, 266240, 1),
      request(0, VMBS_VSP_READ, 0, 512, 4096), request(0, 3, 0, 512),
      request(0, VMBS_VSP_WRITE, 0, 67108864), request(0, VMBS_VSP_WRITE, 0, 0),
      request(0, VMBS_VSP_DISCARD, 0, 100),    request(0, VMBS_VSP_WRITE, 0, 4294966784),
  };
  for (const VMBS_VSP_REQUEST& r : bad) {
    VMBS_VSP_PACKET packet{};
    EXPECT_EQ(vsp().encode(nullptr, &r, &packet), STATUS_INVALID_PARAMETER) << r.bytes << " at " << r.first_byte;
    EXPECT_TRUE(reference(r).empty());
  }
}

TEST(StorvspReference, SizeByPages) {
  EXPECT_EQ(reference(request(0, VMBS_VSP_READ, 0, 512)).size(), 8u + 76 + 8);
  EXPECT_EQ(reference(request(0, VMBS_VSP_READ, 0, 131072)).size(), 8u + 76 + 8 * 32);
  EXPECT_EQ(reference(request(0, VMBS_VSP_READ, 0, 131072, 512)).size(), 8u + 76 + 8 * 33);
  EXPECT_EQ(reference(request(0, VMBS_VSP_WRITE, 0, 262144)).size(), 8u + 76 + 8 * 64);
  EXPECT_EQ(reference(request(0, VMBS_VSP_WRITE, 0, 262144, 1)).size(), 8u + 76 + 8 * 65);
  EXPECT_EQ(reference(request(0, VMBS_VSP_DISCARD, 0, 67108864)).size(), 8u + 76 + 8);
}

TEST(StorvspReference, Layout) {
  const VMBS_VSP_REQUEST r = request(0x0102, VMBS_VSP_WRITE, 40409911, 6656, 1536);
  const Bytes state = reference(r);
  ASSERT_EQ(state.size(), 100u);
  EXPECT_EQ(slice(state.data(), 8), (Bytes{'S', 'V', 'S', 'P', 1, 0, 100, 0}));
  EXPECT_EQ(slice(state.data() + 8, 8), (Bytes{0x03, 0x01, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(slice(state.data() + 16, 8), (Bytes{3, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(slice(state.data() + 24, 8), (Bytes{0x00, 0x1A, 0, 0, 0x00, 0x06, 0, 0}));
  const std::uint64_t pages[] = {page_number(0x0102, 0), page_number(0x0102, 1)};
  EXPECT_EQ(std::memcmp(state.data() + 32, pages, 16), 0);
  EXPECT_EQ(slice(state.data() + 48, 52), slice(encoded(r).bytes + 12, 52));
}

}  // namespace
}  // namespace vmbsave::storvsp
