// The life of a channel and its packets, and RestoreFromBuffer, through the C face.
#include <gtest/gtest.h>

#include <thread>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

TEST(Channel, DisableFromASinkOfTheSavesEndComesAfterIt) {
  Endpoint endpoint;
  endpoint.fill(2);
  VmbChannelDisable(endpoint.channel);
  ASSERT_EQ(VmbsChannelInitSetCompletionSink(
                endpoint.channel,
                [](PVOID context, UINT64, const VOID*, UINT32) { VmbChannelDisable(static_cast<VMBCHANNEL>(context)); },
                endpoint.channel),
            STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  endpoint.packets.clear();
  ASSERT_EQ(endpoint.receive(1, 0), STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  VmbChannelPacketComplete(endpoint.packets[0], nullptr, 0);
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS) << "disabled";
}

TEST(Channel, AnAllocatedPacketThatIsNotInUseCompletesNothing) {
  Endpoint endpoint;
  ASSERT_EQ(endpoint.receive(11, 0), STATUS_SUCCESS);
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  VmbChannelPacketComplete(packet, nullptr, 0);
  EXPECT_TRUE(endpoint.delivered.empty());
  VmbPacketFree(packet);
  VmbPacketFree(packet);
  EXPECT_NE(VmbPacketAllocate(endpoint.channel), VmbPacketAllocate(endpoint.channel)) << "freed twice";
}

TEST(Channel, AThrowingProcessPacketLeavesTheChannelUsable) {
  Endpoint endpoint;
  VmbChannelDisable(endpoint.channel);
  ASSERT_EQ(VmbChannelInitSetProcessPacketCallbacks(
                endpoint.channel, [](VMBCHANNEL, VMBPACKETCOMPLETION, PVOID, UINT32, UINT32) { throw 1; }, nullptr),
            STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.receive(1, 0), static_cast<NTSTATUS>(0xC0000144u));
  EXPECT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  VmbChannelSaveEnd(endpoint.channel);
}

TEST(RestoreFromBuffer, DuringASaveOfTheVmItIsRefusedAndHarmless) {
  char parent = 0;
  const auto device = reinterpret_cast<PDEVICE_OBJECT>(&parent);
  Endpoint saving(device);
  Endpoint restored(device, false);
  UINT8 junk[64] = {};
  ASSERT_EQ(VmbChannelSaveBegin(saving.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelRestoreFromBuffer(restored.channel, junk, sizeof junk), STATUS_DEVICE_BUSY);
  VmbChannelSaveEnd(saving.channel);
  VmbChannelStart(restored.channel);
  EXPECT_EQ(restored.receive(1, 0), STATUS_SUCCESS);
}

TEST(RestoreFromBuffer, VmbPacketRestoreTwiceFailsTheRestore) {
  Endpoint source;
  source.fill(3);
  Bytes image = save(source.channel, 1 << 20);
  VmbChannelSaveEnd(source.channel);
  Endpoint destination(nullptr, false);
  VmbChannelDisable(destination.channel);
  ASSERT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(
                destination.channel, on_save,
                [](VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_size, PVOID, UINT32) -> NTSTATUS {
                  const VMBPACKET first = VmbPacketAllocate(channel);
                  EXPECT_EQ(VmbPacketRestore(first, lib_buf, lib_size), STATUS_SUCCESS);
                  const VMBPACKET second = VmbPacketAllocate(channel);
                  EXPECT_NE(VmbPacketRestore(second, lib_buf, lib_size), STATUS_SUCCESS);
                  VmbPacketFree(second);
                  return STATUS_SUCCESS;
                }),
            STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelEnable(destination.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, image.data(), static_cast<ULONG>(image.size())),
            static_cast<NTSTATUS>(0xC0000010u));
}

TEST(RestoreFromBuffer, StartIsRefusedAfterAFailure) {
  Endpoint endpoint(nullptr, false);
  UINT8 junk[64] = {};
  EXPECT_NE(VmbChannelRestoreFromBuffer(endpoint.channel, junk, sizeof junk), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.receive(1, 0), STATUS_DEVICE_BUSY);
  Endpoint source;
  Bytes image = save(source.channel, 1 << 20);
  VmbChannelSaveEnd(source.channel);
  EXPECT_EQ(VmbChannelRestoreFromBuffer(endpoint.channel, image.data(), static_cast<ULONG>(image.size())),
            STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.receive(1, 0), STATUS_SUCCESS);
}

TEST(Channel, CompletionAfterDisableHasNoEffect) {
  Endpoint endpoint;
  endpoint.fill(2);
  static VMBPACKET held;
  VmbChannelDisable(endpoint.channel);
  ASSERT_EQ(VmbChannelInitSetProcessPacketCallbacks(
                endpoint.channel, [](VMBCHANNEL, VMBPACKETCOMPLETION packet, PVOID, UINT32, UINT32) { held = packet; },
                nullptr),
            STATUS_SUCCESS);
  for (const bool discard : {false, true}) {
    ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
    VmbChannelStart(endpoint.channel);
    ASSERT_EQ(endpoint.receive(7, 0), STATUS_SUCCESS);
    static_cast<Context*>(VmbsPacketGetClientContext(held))->bytes = 0;
    if (discard) save(endpoint.channel, 1 << 20);
    VmbChannelDisable(endpoint.channel);
    VmbChannelSaveEnd(endpoint.channel);
    VmbChannelPacketComplete(held, nullptr, 0);
    EXPECT_TRUE(endpoint.delivered.empty());
  }
}

TEST(Channel, ChannelsOfOneVmComeAndGoFromSeveralThreads) {
  char parent = 0;
  const auto device = reinterpret_cast<PDEVICE_OBJECT>(&parent);
  Endpoint staying(device);
  const auto come_and_go = [&] {
    for (int i = 0; i < 100; ++i) Endpoint endpoint(device);
  };
  std::thread other(come_and_go);
  come_and_go();
  other.join();
  staying.fill(5);
  save(staying.channel, 1 << 20);
  VmbChannelSaveEnd(staying.channel);
}

TEST(RestoreFromBuffer, StartIsRefusedUntilItSucceeds) {
  Endpoint source;
  source.fill(5);
  Bytes image = save(source.channel, 1 << 20);
  VmbChannelSaveEnd(source.channel);
  Endpoint destination(nullptr, false);
  UINT32 first_chunk = 0;
  std::memcpy(&first_chunk, image.data() + 8, sizeof first_chunk);
  EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, image.data(), first_chunk),
            STATUS_MORE_PROCESSING_REQUIRED);
  VmbChannelStart(destination.channel);
  EXPECT_EQ(destination.receive(9, 0), STATUS_DEVICE_BUSY);
  EXPECT_EQ(VmbChannelSaveBegin(destination.channel), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, image.data() + first_chunk,
                                        static_cast<ULONG>(image.size() - first_chunk)),
            STATUS_SUCCESS);
  VmbChannelStart(destination.channel);
  EXPECT_EQ(destination.receive(9, 0), STATUS_SUCCESS);
}

TEST(Channel, InitFunctionsApplyBeforeEnableOnly) {
  Endpoint endpoint;
  EXPECT_EQ(VmbChannelInitSetClientContextSize(endpoint.channel, 8), STATUS_INVALID_PARAMETER_1);
  EXPECT_EQ(VmbChannelInitSetMaximumPacketSize(endpoint.channel, 8), STATUS_INVALID_PARAMETER_1);
  EXPECT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(endpoint.channel, on_save, on_restore),
            STATUS_INVALID_PARAMETER_1);
  VMBCHANNEL channel = nullptr;
  ASSERT_EQ(VmbChannelAllocate(nullptr, 1, &channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelInitSetMaximumPacketSize(channel, 0), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbPacketAllocate(channel), nullptr) << "not enabled";
  VmbChannelCleanup(channel);
  EXPECT_EQ(VmbChannelAllocate(nullptr, 0, &channel), STATUS_INVALID_PARAMETER_2);
}

TEST(Channel, QuotaLeavesPacketsInTheRing) {
  Endpoint endpoint;
  VmbChannelDisable(endpoint.channel);
  VmbChannelSetTransactionQuota(endpoint.channel, 3);
  ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  for (UINT64 id = 1; id <= 3; ++id) EXPECT_EQ(endpoint.receive(id, 0), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.receive(4, 0), STATUS_INSUFFICIENT_RESOURCES);
}

TEST(Packet, AllocatedPacketsCarryChannelAndPointer) {
  Endpoint endpoint;
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  ASSERT_NE(packet, nullptr);
  EXPECT_EQ(VmbPacketGetChannel(packet), endpoint.channel);
  int mark = 0;
  VmbPacketSetPointer(packet, &mark);
  EXPECT_EQ(VmbPacketGetPointer(packet), &mark);
  UINT8 bytes[32] = {};
  EXPECT_EQ(VmbPacketRestore(packet, bytes, sizeof bytes), STATUS_INVALID_DEVICE_STATE) << "outside RestorePacket";
  VmbPacketFree(packet);
}

}  // namespace
}  // namespace vmbsave::test
