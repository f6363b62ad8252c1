// SaveBegin, SaveContinue and SaveEnd as a caller drives them.
#include <gtest/gtest.h>

#include <thread>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

TEST(SaveContinue, EveryBufferSizeGivesTheSameBytes) {
  Endpoint endpoint;
  endpoint.fill(40);
  const Bytes whole = save(endpoint.channel, 1 << 20);
  VmbChannelSaveEnd(endpoint.channel);
  ASSERT_LE(whole.size(), 16384u);
  for (ULONG size = 0; size <= whole.size(); ++size) {
    ASSERT_EQ(save(endpoint.channel, size), whole) << "buffer of " << size;
    VmbChannelSaveEnd(endpoint.channel);
  }
}

TEST(SaveContinue, ExactFitIsSuccess) {
  Endpoint endpoint;
  endpoint.fill(3);
  const Bytes whole = save(endpoint.channel, 1 << 20);
  VmbChannelSaveEnd(endpoint.channel);
  unsigned calls = 0;
  EXPECT_EQ(save(endpoint.channel, static_cast<ULONG>(whole.size()), &calls), whole);
  EXPECT_EQ(calls, 1u);
  VmbChannelSaveEnd(endpoint.channel);
}

TEST(SaveContinue, ImageOfNoPacketsRestores) {
  Endpoint source;
  Bytes image = save(source.channel, 1 << 20);
  VmbChannelSaveEnd(source.channel);
  Endpoint destination(nullptr, false);
  EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, image.data(), static_cast<ULONG>(image.size())),
            STATUS_SUCCESS);
}

TEST(SaveContinue, ReplayedCallByCallTheImageRestores) {
  Endpoint source;
  source.fill(60);
  Endpoint destination(nullptr, false);
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  Bytes buffer(4096);
  for (NTSTATUS saved = STATUS_BUFFER_OVERFLOW; saved == STATUS_BUFFER_OVERFLOW;) {
    ULONG filled = 0;
    ULONG required = 0;
    saved =
        VmbChannelSaveContinue(source.channel, buffer.data(), static_cast<ULONG>(buffer.size()), &filled, &required);
    const NTSTATUS restored = VmbChannelRestoreFromBuffer(destination.channel, buffer.data(), filled);
    EXPECT_EQ(restored, saved == STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED);
  }
  VmbChannelSaveEnd(source.channel);
  EXPECT_EQ(save(destination.channel, 1 << 20), save(source.channel, 1 << 20));
}

TEST(SaveContinue, CallsOutOfOrderAreRefused) {
  Endpoint endpoint;
  ULONG filled = 0;
  ULONG required = 0;
  UINT8 buffer[4096];
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, buffer, sizeof buffer, &filled, &required),
            STATUS_INVALID_DEVICE_STATE);
  VmbChannelSaveEnd(endpoint.channel);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, nullptr, 8, &filled, &required), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, buffer, sizeof buffer, nullptr, &required),
            STATUS_INVALID_PARAMETER);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, buffer, sizeof buffer, &filled, &required), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, buffer, sizeof buffer, &filled, &required),
            STATUS_INVALID_DEVICE_STATE);
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_EQ(VmbChannelSaveBegin(nullptr), STATUS_INVALID_PARAMETER_1);
}

TEST(SaveContinue, ChannelsOfOneParentShareOneCut) {
  char parent = 0;
  const auto device = reinterpret_cast<PDEVICE_OBJECT>(&parent);
  Endpoint first(device);
  Endpoint second(device);
  Endpoint other;
  first.fill(10);
  second.fill(20);
  ASSERT_EQ(VmbChannelSaveBegin(first.channel), STATUS_SUCCESS);
  EXPECT_EQ(second.receive(99, 1), STATUS_DEVICE_BUSY) << "the first SaveBegin is the cut for both";
  EXPECT_EQ(other.receive(99, 1), STATUS_SUCCESS) << "another VM goes on";
  VmbChannelSaveEnd(first.channel);
  EXPECT_EQ(second.receive(99, 1), STATUS_SUCCESS) << "the last SaveEnd ends it";
  const Bytes of_first = save(first.channel, 1 << 20);
  const Bytes of_second = save(second.channel, 1 << 20);
  VmbChannelSaveEnd(first.channel);
  EXPECT_EQ(first.receive(98, 1), STATUS_DEVICE_BUSY) << "the save is still open";
  VmbChannelSaveEnd(second.channel);
  EXPECT_EQ(first.receive(98, 1), STATUS_SUCCESS);

  Endpoint destination(nullptr, false);
  Bytes image = of_second;
  EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, image.data(), static_cast<ULONG>(image.size())),
            STATUS_SUCCESS);
  EXPECT_NE(of_first, of_second);
}

TEST(SaveContinue, DisableBeforeSaveEndDiscards) {
  Endpoint endpoint;
  endpoint.fill(5);
  for (const bool discard : {false, true}) {
    save(endpoint.channel, 1 << 20);
    VmbChannelPacketComplete(endpoint.packets.back(), nullptr, 0);
    endpoint.packets.pop_back();
    if (discard) VmbChannelDisable(endpoint.channel);
    VmbChannelSaveEnd(endpoint.channel);
    EXPECT_EQ(endpoint.delivered.size(), 1u) << "delivered on resume, not on discard";
  }
  EXPECT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS) << "disabled at the end of the save";
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.receive(1, 1), STATUS_SUCCESS);
}

TEST(SaveContinue, ChannelsThatLeaveDuringASaveOfTheirVmGoAtItsEnd) {
  char parent = 0;
  const auto device = reinterpret_cast<PDEVICE_OBJECT>(&parent);
  Endpoint first(device);
  first.fill(30);
  {
    Endpoint joined(device);
    Endpoint bystander(device);
    joined.fill(10);
    bystander.fill(10);
    ASSERT_EQ(VmbChannelSaveBegin(first.channel), STATUS_SUCCESS);
    ASSERT_EQ(VmbChannelSaveBegin(joined.channel), STATUS_SUCCESS);
    VmbChannelDisable(bystander.channel);
    EXPECT_EQ(VmbChannelEnable(bystander.channel), STATUS_INVALID_DEVICE_STATE) << "disabled at the end of the save";
  }  // both are cleaned up while the save is open
  ULONG filled = 0;
  ULONG required = 0;
  Bytes buffer(1 << 20);
  EXPECT_EQ(VmbChannelSaveContinue(first.channel, buffer.data(), static_cast<ULONG>(buffer.size()), &filled, &required),
            STATUS_SUCCESS);
  VmbChannelSaveEnd(first.channel);
  EXPECT_EQ(save(first.channel, 1 << 20).size(), filled);
  VmbChannelSaveEnd(first.channel);
}

TEST(SaveContinue, BeginFromInsideProcessPacketIsRefused) {
  Endpoint endpoint;
  VmbChannelDisable(endpoint.channel);
  ASSERT_EQ(VmbChannelInitSetProcessPacketCallbacks(
                endpoint.channel,
                [](VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID, UINT32, UINT32) {
                  EXPECT_EQ(VmbChannelSaveBegin(channel), STATUS_INVALID_DEVICE_STATE);
                  VmbChannelPacketComplete(packet, nullptr, 0);
                },
                nullptr),
            STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.receive(1, 0), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.delivered, std::vector<UINT64>{1});
  EXPECT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS) << "and nothing is left of it";
  VmbChannelSaveEnd(endpoint.channel);
}

TEST(SaveContinue, NothingOfAChannelRunsAfterItsDisable) {
  char parent = 0;
  const auto device = reinterpret_cast<PDEVICE_OBJECT>(&parent);
  Endpoint first(device);
  first.fill(3);
  static int calls;
  calls = 0;
  {
    Endpoint leaving(device);
    VmbChannelDisable(leaving.channel);
    ASSERT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(
                  leaving.channel,
                  [](VMBCHANNEL, VMBPACKET, PVOID, UINT32, PUINT32) -> NTSTATUS {
                    ++calls;
                    return STATUS_SUCCESS;
                  },
                  on_restore),
              STATUS_SUCCESS);
    ASSERT_EQ(VmbChannelEnable(leaving.channel), STATUS_SUCCESS);
    VmbChannelStart(leaving.channel);
    leaving.fill(4);
    ASSERT_EQ(VmbChannelSaveBegin(first.channel), STATUS_SUCCESS);
    VmbChannelPacketComplete(leaving.packets[0], nullptr, 0);
    VmbChannelDisable(leaving.channel);
    EXPECT_EQ(leaving.receive(9, 0), STATUS_DEVICE_BUSY);
  }  // its sink's context is gone
  ULONG filled = 0;
  ULONG required = 0;
  Bytes buffer(1 << 20);
  EXPECT_EQ(VmbChannelSaveContinue(first.channel, buffer.data(), static_cast<ULONG>(buffer.size()), &filled, &required),
            STATUS_SUCCESS);
  VmbChannelSaveEnd(first.channel);
  EXPECT_EQ(calls, 0);
}

TEST(SaveContinue, EndAndCleanupFromInsideACallbackComeAfterIt) {
  VMBCHANNEL channel = nullptr;
  ASSERT_EQ(VmbChannelAllocate(nullptr, 1, &channel), STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelInitSetProcessPacketCallbacks(
                channel, [](VMBCHANNEL, VMBPACKETCOMPLETION, PVOID, UINT32, UINT32) {}, nullptr),
            STATUS_SUCCESS);
  ASSERT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(
                channel,
                [](VMBCHANNEL self, VMBPACKET, PVOID, UINT32, PUINT32) -> NTSTATUS {
                  VmbChannelCleanup(self);
                  return STATUS_SUCCESS;
                },
                on_restore),
            STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelEnable(channel), STATUS_SUCCESS);
  VmbChannelStart(channel);
  const VMBS_INCOMING_PACKET packet{1, nullptr, 0, 1, nullptr};
  ASSERT_EQ(VmbsChannelReceivePacket(channel, &packet), STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelSaveBegin(channel), STATUS_SUCCESS);
  ULONG filled = 0;
  ULONG required = 0;
  EXPECT_EQ(VmbChannelSaveContinue(channel, nullptr, 0, &filled, &required), STATUS_INVALID_DEVICE_STATE);
}

TEST(SaveContinue, AFailingCallbacksStatusIsNotTakenForProgress) {
  Endpoint endpoint;
  endpoint.fill(3);
  VmbChannelDisable(endpoint.channel);
  ASSERT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(
                endpoint.channel,
                [](VMBCHANNEL, VMBPACKET, PVOID, UINT32 size, PUINT32 needed) -> NTSTATUS {
                  *needed = size + 8;  // always more
                  return STATUS_BUFFER_TOO_SMALL;
                },
                on_restore),
            STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  ASSERT_EQ(endpoint.receive(1, 0), STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  ULONG filled = 0;
  ULONG required = 0;
  UINT8 buffer[4096];
  const auto grown = static_cast<NTSTATUS>(0xC0000206u);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, buffer, sizeof buffer, &filled, &required), grown);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, buffer, sizeof buffer, &filled, &required), grown);
  VmbChannelSaveEnd(endpoint.channel);
}

TEST(SaveContinue, CallsFromInsideACallbackAreRefused) {
  Endpoint endpoint;
  VmbChannelDisable(endpoint.channel);
  ASSERT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(
                endpoint.channel,
                [](VMBCHANNEL channel, VMBPACKET, PVOID, UINT32, PUINT32) -> NTSTATUS {
                  ULONG filled = 0;
                  ULONG required = 0;
                  EXPECT_EQ(VmbChannelSaveContinue(channel, nullptr, 0, &filled, &required),
                            STATUS_INVALID_DEVICE_STATE);
                  EXPECT_EQ(VmbChannelSaveBegin(channel), STATUS_INVALID_DEVICE_STATE);
                  return STATUS_SUCCESS;
                },
                on_restore),
            STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  ASSERT_EQ(endpoint.receive(1, 0), STATUS_SUCCESS);
  EXPECT_FALSE(save(endpoint.channel, 1 << 20).empty());
  VmbChannelSaveEnd(endpoint.channel);
}

TEST(SaveContinue, ChannelsOfOneVmMayBeSavedFromSeveralThreads) {
  char parent = 0;
  const auto device = reinterpret_cast<PDEVICE_OBJECT>(&parent);
  Endpoint first(device);
  Endpoint second(device);
  first.fill(500);
  second.fill(500);
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(VmbChannelSaveBegin(first.channel), STATUS_SUCCESS);
    ASSERT_EQ(VmbChannelSaveBegin(second.channel), STATUS_SUCCESS);
    const auto take_all = [](VMBCHANNEL channel) {
      Bytes buffer(1 << 20);
      ULONG filled = 0;
      ULONG required = 0;
      EXPECT_EQ(VmbChannelSaveContinue(channel, buffer.data(), static_cast<ULONG>(buffer.size()), &filled, &required),
                STATUS_SUCCESS);
      VmbChannelSaveEnd(channel);
    };
    std::thread other(take_all, second.channel);
    take_all(first.channel);
    other.join();
  }
}

}  // namespace
}  // namespace vmbsave::test
