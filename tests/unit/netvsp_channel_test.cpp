#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "netvsp_endpoint.hpp"

namespace vmbsave::netvsp {
namespace {

void expect_states(const Image& image, const std::vector<VMBS_VSP_REQUEST>& requests) {
  for (const VMBS_VSP_REQUEST& r : requests) EXPECT_TRUE(contains(image, reference(r))) << "record " << r.record;
}

// Statuses that the guest was told, by transaction id from 1.
std::vector<std::uint32_t> statuses(Endpoint& end) {
  std::vector<Completion> completed = end.completed();
  std::sort(completed.begin(), completed.end(),
            [](const Completion& a, const Completion& b) { return a.transaction_id < b.transaction_id; });
  std::vector<std::uint32_t> told;
  for (std::size_t i = 0; i < completed.size(); ++i) {
    EXPECT_EQ(completed[i].transaction_id, i + 1) << "each once";
    told.push_back(completed[i].status);
  }
  return told;
}

using Statuses = std::vector<std::uint32_t>;

TEST(NetvspChannel, SubmitsAndCompletes) {
  const Device device;
  RunningEndpoint end(device);
  end.send(transmit(0));
  end.send(transmit(1, 16162));
  ASSERT_EQ(end.submitted.size(), 2u);
  EXPECT_EQ(end.submitted[1].transaction_id, 2u);
  EXPECT_TRUE(end.completed().empty());
  vsp().complete(end.submitted[1].packet, STATUS_UNSUCCESSFUL);
  vsp().complete(end.submitted[0].packet, STATUS_SUCCESS);
  EXPECT_EQ(end.completed()[0].transaction_id, 2u);
  EXPECT_EQ(statuses(end), (Statuses{1, 2}));
}

TEST(NetvspChannel, WhatWasSettledIsWhatTheGuestIsTold) {
  const Device device;
  RunningEndpoint end(device);
  for (std::uint64_t i = 0; i < 2; ++i) end.send(transmit(i));
  vsp().settle(end.submitted[0].packet, STATUS_UNSUCCESSFUL);
  vsp().settle(end.submitted[1].packet, STATUS_SUCCESS);
  EXPECT_TRUE(end.completed().empty());
  EXPECT_EQ(end.incoming(), 2u) << "in use until it is completed";
  vsp().complete(end.submitted[0].packet, STATUS_SUCCESS);
  vsp().complete(end.submitted[1].packet, STATUS_UNSUCCESSFUL);
  EXPECT_EQ(statuses(end), (Statuses{2, 1}));
}

TEST(NetvspChannel, AReceiveAsOnTheWire) {
  const Device device;
  RunningEndpoint end(device);
  (void)end.deliver(receive(0, 60));
  const VMBS_VSP_REQUEST seen = end.deliver(receive(1, 3500));
  EXPECT_EQ(seen.first_buffer, 1u);
  EXPECT_EQ(seen.buffers, 3u) << "3,560 bytes, 1,728 in each";
  const Delivery& packet = end.delivered.back();
  EXPECT_TRUE(packet.completion_requested);
  Bytes expected = {107, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
  expected.resize(40);
  const Bytes pages = {0xFE, 0xCA, 0, 0, 1, 0, 0, 0, 0xE8, 0x0D, 0, 0, 0xC0, 0x06, 0, 0};
  expected.insert(expected.end(), pages.begin(), pages.end());
  EXPECT_EQ(packet.bytes, expected);
}

TEST(NetvspChannel, TheGuestTakesNothingForItsFrameThatIsNot) {
  const Device device;
  RunningEndpoint end(device);
  VMBS_VSP_REQUEST seen = end.deliver(receive(4, 3500));
  const Bytes good = end.delivered.back().bytes;
  const auto accept = [&](Bytes bytes, VMBS_VSP_REQUEST request) {
    return vsp().accept(device.get(), bytes.data(), static_cast<UINT32>(bytes.size()), &request);
  };
  EXPECT_EQ(accept(good, seen), STATUS_SUCCESS);
  for (const std::size_t at : {0u, 4u, 8u, 12u, 40u, 42u, 44u, 48u, 52u, 55u}) {
    Bytes bad = good;
    bad[at] ^= 2;
    EXPECT_EQ(accept(bad, seen), STATUS_INVALID_PARAMETER) << "byte " << at;
  }
  EXPECT_EQ(accept(Bytes(good.begin(), good.end() - 1), seen), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(accept(good, receive(5, 3500)), STATUS_INVALID_PARAMETER) << "another frame";
  EXPECT_EQ(accept(good, receive(4, 3499)), STATUS_INVALID_PARAMETER);
  device->receive_section(seen.first_buffer)[3000] ^= std::byte{1};
  EXPECT_EQ(accept(good, seen), STATUS_INVALID_PARAMETER) << "a byte of it";
}

TEST(NetvspChannel, AnAnswerGivesTheBuffersBack) {
  const Device device;
  RunningEndpoint end(device);
  const VMBS_VSP_REQUEST a = end.deliver(receive(0, 16162));
  const VMBS_VSP_REQUEST b = end.deliver(receive(1));
  EXPECT_EQ(device->receive_sections.taken(), 11u);
  EXPECT_EQ(end.outgoing(), 2u);
  end.answer(a.transaction_id);
  EXPECT_EQ(device->receive_sections.taken(), 1u);
  EXPECT_EQ(end.deliver(receive(2, 16162)).first_buffer, a.first_buffer);
  end.answer(b.transaction_id);
  EXPECT_EQ(end.outgoing(), 1u);
  EXPECT_EQ(device->receive_sections.taken(), 10u);
}

TEST(NetvspChannel, DeliverSaysWhatItLacks) {
  const Device device;
  RunningEndpoint end(device);
  for (const VMBS_VSP_REQUEST& bad : {receive(0, 0), receive(0, 65554), transmit(0)}) {
    EXPECT_EQ(vsp().deliver(end.channel(), &bad), STATUS_INVALID_PARAMETER);
  }
  const VMBS_VSP_REQUEST longest = receive(0, 65553);
  for (std::uint32_t i = 0; i < 152; ++i) {
    ASSERT_EQ(vsp().deliver(end.channel(), &longest), STATUS_SUCCESS) << i;
  }
  EXPECT_EQ(vsp().deliver(end.channel(), &longest), STATUS_INSUFFICIENT_RESOURCES) << "no 38 side by side";
  EXPECT_EQ(device->receive_sections.taken(), 152u * 38);
  const VMBS_VSP_REQUEST one = receive(0, 60);
  for (std::uint32_t i = 152; i < 1024; ++i) ASSERT_EQ(vsp().deliver(end.channel(), &one), STATUS_SUCCESS) << i;
  EXPECT_EQ(vsp().deliver(end.channel(), &one), STATUS_QUOTA_EXCEEDED);
  EXPECT_EQ(device->receive_sections.taken(), 152u * 38 + 872);
}

TEST(NetvspChannel, NothingIsSentDuringASave) {
  const Device device;
  RunningEndpoint end(device);
  ASSERT_EQ(VmbChannelSaveBegin(end.channel()), STATUS_SUCCESS);
  const VMBS_VSP_REQUEST r = receive(0);
  EXPECT_EQ(vsp().deliver(end.channel(), &r), STATUS_DEVICE_BUSY);
  EXPECT_EQ(device->receive_sections.taken(), 0u);
  VmbChannelSaveEnd(end.channel());
  EXPECT_EQ(end.deliver(r).first_buffer, 0u);
}

TEST(NetvspChannel, ClosingGivesTheBuffersBack) {
  const Device device;
  RunningEndpoint end(device);
  (void)end.deliver(receive(0, 16162));
  EXPECT_EQ(end.guest().close(), STATUS_SUCCESS);
  EXPECT_EQ(device->receive_sections.taken(), 0u);
  EXPECT_EQ(end.outgoing(), 0u);
}

TEST(NetvspChannel, WhatIsDroppedWithTheChannelIsGivenBack) {
  const Device device;
  {
    RunningEndpoint end(device);
    (void)end.deliver(receive(0, 16162));
  }
  EXPECT_EQ(device->receive_sections.taken(), 0u);
}

// ---- save and restore --------------------------------------------------------------------------------------------

// Transmits 1 to 4: in flight, sent, dropped, in pages; and two receives, the second of which is left after a third.
class Source {
 public:
  Source() : end(device) {
    for (std::uint64_t i = 0; i < 3; ++i) end.send(transmit(i));
    end.send(transmit(3, 16162));
    vsp().settle(end.submitted[1].packet, STATUS_SUCCESS);
    vsp().settle(end.submitted[2].packet, STATUS_UNSUCCESSFUL);
    requests = {transmit(0), transmit(1, 1514, VMBS_VSP_SENT), transmit(2, 1514, VMBS_VSP_DROPPED), transmit(3)};
    const VMBS_VSP_REQUEST gone = end.deliver(receive(4, 5000));
    requests.push_back(end.deliver(receive(5, 16162)));
    requests.push_back(end.deliver(receive(6, 60)));
    end.answer(gone.transaction_id);
  }

  const Device device;
  RunningEndpoint end;
  std::vector<VMBS_VSP_REQUEST> requests;
};

TEST(NetvspChannel, SavedStateIsTheReference) {
  Source source;
  expect_states(save_image(source.end.channel()), source.requests);
}

TEST(NetvspChannel, ATransmitCompletedDuringASaveIsSavedWithItsStatus) {
  const Device device;
  RunningEndpoint end(device);
  end.send(transmit(0));
  ASSERT_EQ(VmbChannelSaveBegin(end.channel()), STATUS_SUCCESS);
  vsp().complete(end.submitted.at(0).packet, STATUS_SUCCESS);
  const Image image = read_image(end.channel());
  EXPECT_TRUE(end.completed().empty());
  VmbChannelSaveEnd(end.channel());
  EXPECT_TRUE(contains(image, reference(transmit(0, 1514, VMBS_VSP_SENT))));
  EXPECT_EQ(statuses(end), (Statuses{1}));
}

TEST(NetvspChannel, AnAnswerDuringASaveWaitsForItsEnd) {
  const Device device;
  RunningEndpoint end(device);
  const VMBS_VSP_REQUEST seen = end.deliver(receive(0));
  ASSERT_EQ(VmbChannelSaveBegin(end.channel()), STATUS_SUCCESS);
  const std::byte answer[8] = {};
  EXPECT_TRUE(end.guest().complete(seen.transaction_id, answer));
  EXPECT_EQ(end.guest().signal(), STATUS_DEVICE_BUSY);
  EXPECT_TRUE(contains(read_image(end.channel()), reference(seen)));
  EXPECT_EQ(device->receive_sections.taken(), 1u);
  VmbChannelSaveEnd(end.channel());
  EXPECT_EQ(end.guest().signal(), STATUS_SUCCESS);
  EXPECT_EQ(device->receive_sections.taken(), 0u);
}

TEST(NetvspChannel, RestoredTransmitsAreCompletedOnceWithTheirTrueStatus) {
  Source source;
  const Image image = save_image(source.end.channel());
  const Device device;
  Endpoint target(device);
  ASSERT_EQ(restore_image(target.channel(), image), STATUS_SUCCESS);
  expect_states(save_image(target.channel()), source.requests);
  target.start();
  EXPECT_TRUE(target.completed().empty());
  vsp().reissue(target.channel());
  EXPECT_TRUE(target.submitted.empty()) << "there is no frame to send";
  EXPECT_EQ(statuses(target), (Statuses{2, 1, 2, 2})) << "what was in flight counts as dropped";
  vsp().reissue(target.channel());
  EXPECT_EQ(target.completed().size(), 4u) << "each once only";
  EXPECT_EQ(target.incoming(), 0u);
}

TEST(NetvspChannel, RestoredReceivesAwaitTheGuest) {
  Source source;
  const Image image = save_image(source.end.channel());
  const Device device;
  Endpoint target(device);
  ASSERT_EQ(restore_image(target.channel(), image), STATUS_SUCCESS);
  EXPECT_EQ(device->receive_sections.taken(), 11u);
  target.start();
  target.answer(source.requests[4].transaction_id);
  EXPECT_EQ(target.outgoing(), 1u) << "answered before the re-issue";
  vsp().reissue(target.channel());
  EXPECT_EQ(target.outgoing(), 1u);
  EXPECT_EQ(device->receive_sections.taken(), 1u);
  const VMBS_VSP_REQUEST next = target.deliver(receive(7, 5000));
  EXPECT_NE(next.transaction_id, source.requests[5].transaction_id);
  EXPECT_FALSE(next.first_buffer <= source.requests[5].first_buffer &&
               source.requests[5].first_buffer < next.first_buffer + next.buffers)
      << "what the guest still has is not written to";
  target.answer(source.requests[5].transaction_id);
  target.answer(next.transaction_id);
  EXPECT_EQ(target.outgoing(), 0u);
  EXPECT_EQ(device->receive_sections.taken(), 0u);
  EXPECT_EQ(target.statistics().StrayCompletions, 0u);
  EXPECT_EQ(target.statistics().Misuses, 0u) << "none was completed as if it were the guest's";
}

TEST(NetvspChannel, CompletedBeforeTheGuestIsThereAndSavedAgain) {
  Source source;
  const Device device;
  Endpoint target(device);
  ASSERT_EQ(restore_image(target.channel(), save_image(source.end.channel())), STATUS_SUCCESS);
  vsp().reissue(target.channel());
  const Image again = save_image(target.channel());
  expect_states(again, {transmit(0, 1514, VMBS_VSP_DROPPED), transmit(1, 1514, VMBS_VSP_SENT)});
  target.start();
  EXPECT_EQ(statuses(target), (Statuses{2, 1, 2, 2}));
}

// A queue of sends that found no room: their states and payloads travel.
TEST(NetvspChannel, AReceiveThatWaitsForRoomTravels) {
  const Device device, elsewhere;
  Endpoint end(device);
  for (std::uint64_t i = 0; i < 2; ++i) {
    const VMBS_VSP_REQUEST r = receive(i);
    EXPECT_EQ(vsp().deliver(end.channel(), &r), STATUS_SUCCESS) << "queued: nobody has opened the channel";
  }
  const Image image = save_image(end.channel());
  Endpoint target(elsewhere);
  ASSERT_EQ(restore_image(target.channel(), image), STATUS_SUCCESS);
  target.start();
  EXPECT_EQ(target.guest().signal(), STATUS_SUCCESS);
  EXPECT_TRUE(target.completed().empty());
  ASSERT_EQ(target.delivered.size(), 2u);
  for (const Delivery& packet : target.delivered) target.answer(packet.transaction_id);
  EXPECT_EQ(elsewhere->receive_sections.taken(), 0u);
}

// ---- several channels of one vNIC --------------------------------------------------------------------------------

TEST(NetvspChannel, ChannelsShareTheirBuffers) {
  const Device device;
  char parent = 0;
  RunningEndpoint a(device, {}, reinterpret_cast<PDEVICE_OBJECT>(&parent));
  RunningEndpoint b(device, {}, reinterpret_cast<PDEVICE_OBJECT>(&parent));
  const VMBS_VSP_REQUEST first = a.deliver(receive(0, 3500));
  const VMBS_VSP_REQUEST second = b.deliver(receive(1, 3500));
  EXPECT_EQ(first.first_buffer, 0u);
  EXPECT_EQ(second.first_buffer, 3u);
  a.answer(first.transaction_id);
  EXPECT_EQ(b.deliver(receive(2, 60)).first_buffer, 0u);
}

}  // namespace
}  // namespace vmbsave::netvsp
