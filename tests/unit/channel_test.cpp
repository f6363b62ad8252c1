#include "packet/channel.hpp"

#include <gtest/gtest.h>

#include <set>

#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

TEST(Channel, CompletionReachesTheGuestWithItsResult) {
  TestVm vm;
  packet::Packet* const packet = vm[0].receive(77, 0);
  EXPECT_EQ(packet->sequence, 0u);
  EXPECT_EQ(packet->direction, packet::Direction::kIncoming);
  EXPECT_TRUE(base::is_aligned(packet->context(), 16));
  EXPECT_EQ(vm[0].complete(packet, 5), Status::kSuccess);
  ASSERT_EQ(vm[0].completions().size(), 1u);
  EXPECT_EQ(vm[0].completions()[0].transaction_id, 77u);
  EXPECT_EQ(vm[0].completions()[0].result, std::vector<std::uint8_t>{5});
}

TEST(Channel, NoCompletionIsSentThatWasNotAskedFor) {
  TestVm vm;
  packet::Packet* const packet = vm[0].receive(1, 0);
  packet->completion_requested = false;
  EXPECT_EQ(vm[0].complete(packet), Status::kSuccess);
  EXPECT_TRUE(vm[0].completions().empty());
  EXPECT_EQ(vm.in_use(), 0u);
}

TEST(Channel, TooLongAResultIsRefusedAndThePacketStaysInUse) {
  TestVm vm(1, {.result_bytes = 4});
  packet::Packet* const packet = vm[0].receive(1, 0);
  const std::byte result[5] = {};
  EXPECT_EQ(vm[0]->complete(*packet, result), Status::kInvalidParameter);
  EXPECT_EQ(vm.in_use(), 1u);
  EXPECT_EQ(vm[0]->complete(*packet, std::span(result).first(4)), Status::kSuccess);
}

TEST(Channel, DoubleCompletionIsReportedAndDeliversOnce) {
  TestVm vm;
  packet::Packet* const packet = vm[0].receive(1, 0);
  EXPECT_EQ(vm[0].complete(packet), Status::kSuccess);
  EXPECT_EQ(vm[0].complete(packet), Status::kInvalidDeviceState);
  EXPECT_EQ(vm[0].completions().size(), 1u);
}

TEST(Channel, AdoptedPacketsTakeASlotAndGiveItBack) {
  TestVm vm(1, {.capacity = 1, .sends = 1});
  packet::Packet* const packet = vm[0]->allocate();
  packet->transaction_id = 9;
  packet->sequence = 100;
  packet->completion_requested = true;
  vm[0]->restore(2, [&] {
    ASSERT_EQ(vm[0]->adopt(*packet, packet::Direction::kIncoming), packet::ClaimStatus::kClaimed);
    packet::Packet* const second = vm[0]->allocate();
    EXPECT_EQ(vm[0]->adopt(*second, packet::Direction::kIncoming), packet::ClaimStatus::kFull);
    vm[0]->free(*second);
  });
  EXPECT_EQ(vm[0]->packet_at(packet->slot), packet);
  EXPECT_EQ(vm[0].complete(packet), Status::kSuccess);
  vm[0]->reserve(101, 0);
  packet::Packet* const next = vm[0].receive(10, 0);
  ASSERT_NE(next, nullptr);
  EXPECT_NE(next, packet);
  EXPECT_EQ(next->sequence, 101u);
}

TEST(Channel, ARestoreLeavesTheSlotsFreeThatItDidNotFill) {
  constexpr std::uint32_t kCapacity = 50;  // three words, the last of them not whole
  TestVm vm(1, {.capacity = kCapacity});
  std::vector<packet::Packet*> restored;
  vm[0]->restore(30, [&] {
    for (std::uint64_t id = 1; id <= 30; ++id) {
      packet::Packet* const packet = vm[0]->allocate();
      packet->transaction_id = id;
      ASSERT_EQ(vm[0]->adopt(*packet, packet::Direction::kIncoming), packet::ClaimStatus::kClaimed);
      restored.push_back(packet);
      if (id % 4 == 0) {
        ASSERT_EQ(vm[0].complete(packet), Status::kSuccess);
      }
    }
  });
  EXPECT_TRUE(vm[0]->table().valid());
  EXPECT_EQ(vm[0]->table().count_used(), 23u);
  std::set<std::uint32_t> slots;
  for (std::size_t i = 0; i < restored.size(); ++i) {
    if ((i + 1) % 4 != 0) {
      EXPECT_TRUE(slots.insert(restored[i]->slot).second);
    }
  }
  for (std::uint32_t more = 23; more < kCapacity; ++more) ASSERT_NE(vm[0].receive(100 + more, 0), nullptr) << more;
  EXPECT_EQ(vm[0].receive(200, 0), nullptr);
  EXPECT_TRUE(vm[0]->table().valid());
}

TEST(Channel, SentPacketsHaveRoomOfTheirOwn) {
  TestVm vm(1, {.capacity = 2, .sends = 3});
  std::vector<packet::Packet*> sent;
  for (int i = 0; i < 3; ++i) {
    sent.push_back(vm[0]->allocate());
    ASSERT_NE(sent.back(), nullptr);
    ASSERT_EQ(vm[0]->claim_send(*sent.back()), packet::ClaimStatus::kClaimed);
    vm[0]->publish_send(*sent.back());
  }
  EXPECT_EQ(vm[0]->allocate(), nullptr) << "what could not be sent is not given";
  EXPECT_NE(vm[0].receive(1, 0), nullptr);
  EXPECT_NE(vm[0].receive(2, 0), nullptr);
  EXPECT_EQ(vm[0].receive(3, 0), nullptr);
  EXPECT_EQ(vm[0]->table().count_incoming(), 2u);
  EXPECT_EQ(vm[0]->table().count_used(), 5u);
}

TEST(Channel, SentPacketsAreFoundByTheirIdsWhichAreNeverUsedAgain) {
  TestVm vm(1, {.capacity = 1, .sends = 50});
  std::set<std::uint64_t> ids;
  for (int round = 0; round < 300; ++round) {
    packet::Packet* const packet = vm[0]->allocate();
    ASSERT_EQ(vm[0]->claim_send(*packet), packet::ClaimStatus::kClaimed);
    vm[0]->publish_send(*packet);
    EXPECT_TRUE(ids.insert(packet->transaction_id).second);
    EXPECT_EQ(vm[0]->find_send(packet->transaction_id), packet);
    if (round % 7 == 0) continue;  // stays in use
    const std::uint64_t id = packet->transaction_id;
    ASSERT_TRUE(vm[0]->retake_send(*packet));
    vm[0]->withdraw_send(*packet, false);
    vm[0]->free(*packet);
    EXPECT_EQ(vm[0]->find_send(id), nullptr);
  }
  EXPECT_EQ(vm[0]->find_send(0), nullptr);
}

TEST(Channel, NothingSentChangesDuringASave) {
  TestVm vm(1, {.capacity = 1, .sends = 2});
  packet::Packet* const sent = vm[0]->allocate();
  packet::Packet* const other = vm[0]->allocate();
  ASSERT_EQ(vm[0]->claim_send(*sent), packet::ClaimStatus::kClaimed);
  vm[0]->publish_send(*sent);
  ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
  EXPECT_EQ(vm.session.report().packets, 1u);
  EXPECT_FALSE(vm[0]->retake_send(*sent));
  EXPECT_EQ(vm[0]->claim_send(*other), packet::ClaimStatus::kPaused);
  vm.session.end(EndMode::kResume);
  EXPECT_TRUE(vm[0]->retake_send(*sent));
  vm[0]->publish_send(*sent);
}

TEST(Vm, HoldsAtMostTheDocumentedNumberOfChannels) {
  packet::Vm vm;
  std::vector<std::unique_ptr<packet::Channel>> channels;
  for (std::size_t i = 0; i <= packet::kMaxChannels; ++i) {
    channels.push_back(std::make_unique<packet::Channel>(vm.control(), packet::ChannelConfig{.capacity = 1}));
    EXPECT_EQ(vm.attach(*channels.back()), i < packet::kMaxChannels ? Status::kSuccess : Status::kQuotaExceeded);
  }
}

TEST(Vm, ChannelsNeitherComeNorGoDuringASave) {
  TestVm vm;
  packet::Channel other(vm.vm.control(), {.capacity = 1});
  ASSERT_EQ(vm.session.begin({}), Status::kSuccess);
  EXPECT_EQ(vm.vm.attach(other), Status::kDeviceBusy);
  EXPECT_EQ(vm.vm.detach(*vm[0].operator->()), Status::kDeviceBusy);
  vm.session.end(EndMode::kResume);
  EXPECT_EQ(vm.vm.attach(other), Status::kSuccess);
  EXPECT_EQ(vm.vm.detach(other), Status::kSuccess);
}

}  // namespace
}  // namespace vmbsave::test
