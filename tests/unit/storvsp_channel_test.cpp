#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "storvsp_endpoint.hpp"

namespace vmbsave::storvsp {
namespace {

std::vector<VMBS_VSP_REQUEST> mixed_requests() {
  return {
      request(0, VMBS_VSP_WRITE, 42932745, 512, 0, 0xF4),       request(1, VMBS_VSP_READ, 1652296, 131072, 0, 7),
      request(2, VMBS_VSP_READ, 0x100000000, 4096, 3584, 8),    request(3, VMBS_VSP_DISCARD, 2048, 67108864, 0, 9),
      request(4, VMBS_VSP_WRITE, 40409911, 262144, 4095, 0x51), request(5, VMBS_VSP_WRITE, 31954535, 6144, 0, 0xF4)};
}

void expect_states(const Image& image, const std::vector<VMBS_VSP_REQUEST>& requests) {
  for (const VMBS_VSP_REQUEST& r : requests) EXPECT_TRUE(contains(image, reference(r))) << "record " << r.record;
}

TEST(StorvspChannel, SubmitsAndCompletes) {
  RunningEndpoint end;
  end.send(request(0, VMBS_VSP_READ, 100, 8192, 0, 0x42));
  end.send(request(1, VMBS_VSP_WRITE, 200, 4096, 0, 0x43));
  ASSERT_EQ(end.submitted.size(), 2u);
  EXPECT_EQ(end.submitted[0].transaction_id, 1u);
  EXPECT_TRUE(end.completed().empty());

  vsp().complete(end.submitted[1].packet, STATUS_INSUFFICIENT_RESOURCES);
  vsp().complete(end.submitted[0].packet, STATUS_SUCCESS);
  const std::vector<Completion>& completed = end.completed();
  ASSERT_EQ(completed.size(), 2u);

  const VstorPacket& failed = completed[0].packet;
  EXPECT_EQ(completed[0].transaction_id, 2u);
  EXPECT_EQ(failed.operation, 1u);
  EXPECT_EQ(failed.status, 0xC000009Au);
  EXPECT_EQ(failed.request.srb_status, 4);
  EXPECT_EQ(failed.request.data_transfer_length, 0u);

  const VstorPacket& succeeded = completed[1].packet;
  EXPECT_EQ(completed[1].transaction_id, 1u);
  EXPECT_EQ(succeeded.operation, 1u);
  EXPECT_EQ(succeeded.status, 0u);
  EXPECT_EQ(succeeded.request.srb_status, 1);
  EXPECT_EQ(succeeded.request.data_transfer_length, 8192u);
  EXPECT_EQ(succeeded.request.queue_tag, 0x42);
}

TEST(StorvspChannel, SavedStateIsTheReference) {
  RunningEndpoint end;
  for (const VMBS_VSP_REQUEST& r : mixed_requests()) end.send(r);
  expect_states(save_image(end.channel()), mixed_requests());
}

TEST(StorvspChannel, PacketCompletedDuringASaveIsSavedWhole) {
  RunningEndpoint end;
  const VMBS_VSP_REQUEST r = request(0, VMBS_VSP_READ, 100, 8192);
  end.send(r);
  ASSERT_EQ(VmbChannelSaveBegin(end.channel()), STATUS_SUCCESS);
  vsp().complete(end.submitted.at(0).packet, STATUS_SUCCESS);
  const Image image = read_image(end.channel());
  EXPECT_TRUE(end.completed().empty());
  VmbChannelSaveEnd(end.channel());
  EXPECT_TRUE(contains(image, reference(r)));
  EXPECT_EQ(end.completed().size(), 1u);
}

TEST(StorvspChannel, RestoresReissuesAndSavesAgain) {
  RunningEndpoint source;
  for (const VMBS_VSP_REQUEST& r : mixed_requests()) source.send(r);
  const Image image = save_image(source.channel());

  Endpoint target;
  ASSERT_EQ(restore_image(target.channel(), image), STATUS_SUCCESS);
  EXPECT_TRUE(target.submitted.empty());
  expect_states(save_image(target.channel()), mixed_requests());

  target.start();
  vsp().reissue(target.channel());
  ASSERT_EQ(target.submitted.size(), mixed_requests().size());
  for (std::size_t i = 0; i < target.submitted.size(); ++i) EXPECT_EQ(target.submitted[i].transaction_id, i + 1);
  expect_states(save_image(target.channel()), mixed_requests());

  for (const Submission& s : target.submitted) vsp().complete(s.packet, STATUS_SUCCESS);
  ASSERT_EQ(target.completed().size(), mixed_requests().size());
  EXPECT_EQ(target.completed()[1].packet.request.data_transfer_length, 131072u);
  vsp().reissue(target.channel());
  EXPECT_EQ(target.submitted.size(), mixed_requests().size()) << "re-issued once only";
}

VMBS_VSP_PACKET test_unit_ready() {
  VMBS_VSP_PACKET packet = encoded(request(0, VMBS_VSP_READ, 0, 512));
  packet.range_count = 0;
  packet.bytes[20] = 6;                   // CDB length
  packet.bytes[22] = 2;                   // no data
  std::memset(packet.bytes + 24, 0, 4);   // data_transfer_length
  std::memset(packet.bytes + 28, 0, 10);  // opcode 0
  return packet;
}

TEST(StorvspChannel, RequestWithoutDataHasNoRange) {
  const VMBS_VSP_PACKET packet = test_unit_ready();
  const Bytes head = {'S', 'V', 'S', 'P', 1, 0, 76, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  Bytes state(76);
  std::copy(head.begin(), head.end(), state.begin());
  std::copy(packet.bytes + 12, packet.bytes + 64, state.begin() + 24);
  RunningEndpoint source;
  source.send(packet, 9);
  const Image image = save_image(source.channel());
  EXPECT_TRUE(contains(image, state));

  Endpoint target;
  ASSERT_EQ(restore_image(target.channel(), image), STATUS_SUCCESS);
  target.start();
  vsp().reissue(target.channel());
  EXPECT_EQ(target.submitted.at(0).transaction_id, 9u);
}

TEST(StorvspChannel, MalformedPacketsAreAnsweredNotSubmitted) {
  const std::vector<std::function<void(VMBS_VSP_PACKET&)>> damages = {
      [](VMBS_VSP_PACKET& p) { p.length = 56; },                  // short
      [](VMBS_VSP_PACKET& p) { p.length = 0; },                   // empty
      [](VMBS_VSP_PACKET& p) { p.bytes[0] = 6; },                 // RESET_BUS
      [](VMBS_VSP_PACKET& p) { p.bytes[12] = 36; },               // request as before Windows 8
      [](VMBS_VSP_PACKET& p) { p.bytes[20] = 0; },                // no CDB
      [](VMBS_VSP_PACKET& p) { p.bytes[20] = 17; },               // CDB beyond its field
      [](VMBS_VSP_PACKET& p) { p.bytes[22] = 3; },                // no such direction
      [](VMBS_VSP_PACKET& p) { p.bytes[24] = 1; },                // more data than pages
      [](VMBS_VSP_PACKET& p) { p.range_count = 0; },              // data, but no pages
      [](VMBS_VSP_PACKET& p) { p.ranges[0].byte_count -= 512; },  // data, and too few bytes of pages
  };
  RunningEndpoint end;
  for (std::size_t i = 0; i < damages.size(); ++i) {
    VMBS_VSP_PACKET packet = encoded(request(i, VMBS_VSP_READ, 100, 8192));
    damages[i](packet);
    end.send(packet, i + 1);
    const std::vector<Completion>& completed = end.completed();
    ASSERT_EQ(completed.size(), i + 1) << "damage " << i;
    EXPECT_EQ(completed[i].transaction_id, i + 1);
    EXPECT_EQ(completed[i].packet.operation, 1u);
    EXPECT_EQ(completed[i].packet.status, 0xC000000Du);
    EXPECT_EQ(completed[i].packet.request.srb_status, 6);
  }
  EXPECT_TRUE(end.submitted.empty());
}

TEST(StorvspChannel, LongerPacketIsAnsweredNotSubmitted) {
  RunningEndpoint end;
  const VMBS_VSP_PACKET packet = test_unit_ready();
  std::byte longer[72] = {};
  std::memcpy(longer, packet.bytes, sizeof(packet.bytes));
  ASSERT_TRUE(end.guest().send(1, longer, true));
  EXPECT_EQ(end.guest().signal(), STATUS_SUCCESS);
  ASSERT_EQ(end.completed().size(), 1u);
  EXPECT_EQ(end.completed()[0].packet.request.srb_status, 6);
  EXPECT_TRUE(end.submitted.empty());
}

// More than storvsp lets the library hand to it: nothing of the packet arrives, and nothing after it.
TEST(StorvspChannel, ExternalDataBeyondItsLimitsStopsTheQueue) {
  const std::vector<std::uint64_t> pages(65);
  const auto range = [&](std::uint32_t bytes) {
    return guest::GpaRange{bytes, 0, std::span(pages).first(page_count(0, bytes))};
  };
  const VMBS_VSP_PACKET packet = encoded(request(0, VMBS_VSP_READ, 100, 8192));
  const auto payload = std::as_bytes(std::span(packet.bytes));
  for (const std::vector<guest::GpaRange>& ranges :
       {std::vector{range(262145)}, std::vector{range(4096), range(4096)}}) {
    RunningEndpoint end;
    ASSERT_TRUE(end.guest().send_external(1, payload, ranges, true));
    ASSERT_TRUE(bench::send(end.guest(), 2, packet));
    EXPECT_EQ(end.guest().signal(), STATUS_INVALID_DEVICE_STATE);
    EXPECT_TRUE(end.submitted.empty());
    EXPECT_TRUE(end.completed().empty());
  }
}

TEST(StorvspChannel, PagesThatMustBePagedInAreWaitedFor) {
  RunningEndpoint end({.external_data_pending = true});
  for (const VMBS_VSP_REQUEST& r : mixed_requests()) end.send(r);
  EXPECT_EQ(end.submitted.size(), mixed_requests().size()) << "each once";
  expect_states(save_image(end.channel()), mixed_requests());
  EXPECT_TRUE(end.completed().empty());
}

TEST(StorvspChannel, PacketWithoutStateIsRefusedOnReissue) {
  const Image image = Forger({Bytes{}}).image();
  Endpoint target;
  ASSERT_EQ(restore_image(target.channel(), image), STATUS_SUCCESS);
  EXPECT_TRUE(target.completed().empty());
  EXPECT_FALSE(contains(save_image(target.channel()), {'S', 'V', 'S', 'P'})) << "saved again without state";
  target.start();
  vsp().reissue(target.channel());
  EXPECT_TRUE(target.submitted.empty());
  ASSERT_EQ(target.completed().size(), 1u);
  EXPECT_EQ(target.completed()[0].transaction_id, 1u);
  EXPECT_EQ(target.completed()[0].packet.request.srb_status, 6);
}

// Offsets in the state of a request of 2 pages: head 0, range 24, page numbers 32, request 48, end 100.
TEST(StorvspChannel, DamagedStateIsRefusedAndTheChannelStaysUsable) {
  const Bytes first = reference(request(0, VMBS_VSP_READ, 100, 512));
  const Bytes good = reference(request(1, VMBS_VSP_WRITE, 40409911, 6656));
  ASSERT_EQ(good.size(), 100u);
  const std::vector<std::function<void(Bytes&)>> damages = {
      [](Bytes& s) { s[0] ^= 1; },          // magic
      [](Bytes& s) { s[4] = 2; },           // version
      [](Bytes& s) { s[6] = 99; },          // size
      [](Bytes& s) { s[8] = 1; },           // transaction id of another packet
      [](Bytes& s) { s[16] = 2; },          // fewer words than there are
      [](Bytes& s) { s[16] = 4; },          // more
      [](Bytes& s) { s[20] = 1; },          // far more
      [](Bytes& s) { s[23] = 0xFF; },       // so many that the size overflows
      [](Bytes& s) { s[24] = s[25] = 0; },  // byte_count 0
      [](Bytes& s) { s[25] = 0x2A; },       // byte_count of 3 pages
      [](Bytes& s) { s[29] = 0x10; },       // byte_offset 4,096
      [](Bytes& s) { s[48] = 36; },         // request length
      [](Bytes& s) { s[56] = 17; },         // CDB length
      [](Bytes& s) { s[58] = 3; },          // direction
      [](Bytes& s) { s[61] = 0x1B; },       // data_transfer_length beyond the range
      [](Bytes& s) { s.pop_back(); },       // cut
      [](Bytes& s) { s.push_back(0); },     // longer
      [](Bytes& s) { s.resize(24); },       // head only
      [](Bytes& s) { s.resize(1); },
      [](Bytes& s) {  // one word of range, nothing in it, and a size that agrees
        s.erase(s.begin() + 32, s.begin() + 48);
        s[6] = 84;
        s[16] = 1;
        s[24] = s[25] = s[44] = s[45] = 0;
      },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    Bytes state = good;
    damages[i](state);
    Endpoint target;
    EXPECT_EQ(restore_image(target.channel(), Forger({first, state}).image()), STATUS_INVALID_PARAMETER)
        << "damage " << i;
    ASSERT_EQ(restore_image(target.channel(), Forger({first, good}).image()), STATUS_SUCCESS) << "after damage " << i;
    vsp().reissue(target.channel());
    EXPECT_EQ(target.submitted.size(), 2u);
  }
}

}  // namespace
}  // namespace vmbsave::storvsp
