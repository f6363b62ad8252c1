// The C face: SaveBegin, SaveContinue, SaveEnd and RestoreFromBuffer as a caller drives them.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "vmbsave/kmcl_ext.h"

namespace {

struct Context {
  UINT32 bytes;
};

VOID on_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32 length, UINT32) {
  static_cast<std::vector<VMBPACKET>*>(VmbChannelGetPointer(channel))->push_back(packet);
  ASSERT_EQ(length, sizeof(Context));
  std::memcpy(VmbsPacketGetClientContext(packet), buffer, length);
}

NTSTATUS on_save(VMBCHANNEL, VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
  const auto* context = static_cast<const Context*>(VmbsPacketGetClientContext(packet));
  if (context->bytes == 0) return STATUS_SUCCESS;
  *needed = context->bytes;
  if (size < context->bytes) return STATUS_BUFFER_TOO_SMALL;
  std::memset(buf, static_cast<int>(VmbsPacketGetTransactionId(packet) & 0xFF), context->bytes);
  return STATUS_SUCCESS;
}

NTSTATUS on_restore(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_size, PVOID, UINT32 save_size) {
  const VMBPACKET packet = VmbPacketAllocate(channel);
  if (packet == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  static_cast<Context*>(VmbsPacketGetClientContext(packet))->bytes = save_size;
  const NTSTATUS status = VmbPacketRestore(packet, lib_buf, lib_size);
  if (!NT_SUCCESS(status)) VmbPacketFree(packet);
  return status;
}

VOID on_completion(PVOID context, UINT64 id, const VOID*, UINT32) {
  static_cast<std::vector<UINT64>*>(context)->push_back(id);
}

class Endpoint {
 public:
  explicit Endpoint(PDEVICE_OBJECT parent = nullptr, bool start = true) {
    EXPECT_EQ(VmbChannelAllocate(parent, 1, &channel), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetClientContextSize(channel, sizeof(Context)), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetMaximumPacketSize(channel, 64), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetProcessPacketCallbacks(channel, on_packet, nullptr), STATUS_SUCCESS);
    EXPECT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, on_save, on_restore), STATUS_SUCCESS);
    EXPECT_EQ(VmbsChannelInitSetCompletionSink(channel, on_completion, &delivered), STATUS_SUCCESS);
    VmbChannelSetPointer(channel, &packets);
    EXPECT_EQ(VmbChannelEnable(channel), STATUS_SUCCESS);
    if (start) VmbChannelStart(channel);
  }
  ~Endpoint() { VmbChannelCleanup(channel); }
  Endpoint(const Endpoint&) = delete;

  NTSTATUS receive(UINT64 id, UINT32 state_bytes) {
    Context context{state_bytes};
    const VMBS_INCOMING_PACKET packet{id, &context, sizeof context, 1, nullptr};
    return VmbsChannelReceivePacket(channel, &packet);
  }
  void fill(UINT32 count) {
    for (UINT32 i = 1; i <= count; ++i) ASSERT_EQ(receive(i, i * 29 % 200), STATUS_SUCCESS);
  }

  VMBCHANNEL channel = nullptr;
  std::vector<UINT64> delivered;
  std::vector<VMBPACKET> packets;  // received
};

using Bytes = std::vector<UINT8>;

// One buffer of that size for every call; on TOO_SMALL it grows to exactly what was required, which must then do.
Bytes save(VMBCHANNEL channel, ULONG size, unsigned* calls = nullptr) {
  Bytes image;
  EXPECT_EQ(VmbChannelSaveBegin(channel), STATUS_SUCCESS);
  Bytes buffer(size);
  for (bool grown = false;;) {
    ULONG filled = 77;
    ULONG required = 77;
    const NTSTATUS status = VmbChannelSaveContinue(channel, buffer.empty() ? nullptr : buffer.data(),
                                                   static_cast<ULONG>(buffer.size()), &filled, &required);
    if (calls != nullptr) ++*calls;
    if (status == STATUS_BUFFER_TOO_SMALL) {
      EXPECT_FALSE(grown) << "exactly the bytes required were not enough";
      EXPECT_EQ(filled, 0u);
      EXPECT_GT(required, buffer.size());
      buffer.resize(required);
      grown = true;
      continue;
    }
    EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_BUFFER_OVERFLOW) << std::hex << status;
    EXPECT_GT(filled, 0u);
    image.insert(image.end(), buffer.begin(), buffer.begin() + filled);
    buffer.resize(size);
    grown = false;
    if (status != STATUS_BUFFER_OVERFLOW) {
      EXPECT_EQ(required, 0u);
      break;
    }
    EXPECT_GT(required, 0u);
  }
  return image;
}

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
