// RestoreFromBuffer, and a guest that opens a restored channel, through the C face.
#include <gtest/gtest.h>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

TEST(RestoreFromBuffer, DuringASaveOfTheVmItIsRefusedAndHarmless) {
  Parent parent;
  Endpoint saving({.parent = parent});
  Endpoint restored({.parent = parent, .start = false});
  ASSERT_EQ(VmbChannelSaveBegin(saving.channel), STATUS_SUCCESS);
  EXPECT_EQ(restore(restored.channel, Bytes(64)), STATUS_DEVICE_BUSY);
  VmbChannelSaveEnd(saving.channel);
  VmbChannelStart(restored.channel);
  EXPECT_TRUE(restored.receive(1, 0));
}

// What is sent would take the place, or the id, of a packet that is still to be restored.
TEST(RestoreFromBuffer, NothingIsSentFromInsideRestorePacket) {
  Endpoint source;
  source.fill(3);
  const Bytes image = save_and_end(source.channel);
  Endpoint destination({.start = false});
  unsigned refused = 0;
  destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    const VMBPACKET message = VmbPacketAllocate(destination.channel);
    if (destination.send(message, "message.", 0) == STATUS_DEVICE_BUSY) ++refused;
    VmbPacketFree(message);
    return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
  };
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(refused, 3u);
  EXPECT_TRUE(destination.messages().empty());
  EXPECT_EQ(destination.statistics().IncomingInUse, 3u);
}

TEST(PrepareRestore, SaysWhatItCannotDo) {
  EXPECT_EQ(VmbsChannelPrepareRestore(nullptr, 1), STATUS_INVALID_PARAMETER_1);
  Endpoint source;
  source.fill(3);
  const Bytes image = save_and_end(source.channel);
  EXPECT_EQ(VmbsChannelPrepareRestore(source.channel, 1), STATUS_INVALID_DEVICE_STATE) << "it was started";
  Endpoint destination({.start = false});
  EXPECT_EQ(VmbsChannelPrepareRestore(destination.channel, UINT32_MAX), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbsChannelPrepareRestore(destination.channel, 0), STATUS_SUCCESS);
  EXPECT_EQ(VmbsChannelPrepareRestore(destination.channel, 2), STATUS_SUCCESS) << "one less than come";
  NTSTATUS inside = STATUS_SUCCESS;
  destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    inside = VmbsChannelPrepareRestore(destination.channel, 1);
    return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
  };
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(inside, STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(destination.statistics().IncomingInUse, 3u);
  VmbChannelDisable(destination.channel);
  EXPECT_EQ(VmbsChannelPrepareRestore(destination.channel, 1), STATUS_INVALID_DEVICE_STATE) << "it is not enabled";
}

TEST(RestoreFromBuffer, RoomForTheCompletionsOfRestoredPacketsIsSetAside) {
  Endpoint source({.rings = {.to_guest_pages = 8}});
  source.fill(50);
  const Bytes image = save_and_end(source.channel);
  Endpoint roomy({.start = false});
  EXPECT_EQ(restore(roomy.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(roomy.guest->counters().to_guest_reserved, 50u * 88);
  Endpoint later({.start = false, .open = false});
  EXPECT_EQ(restore(later.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(later.guest->open(later.channel), STATUS_SUCCESS);
  EXPECT_EQ(later.guest->counters().to_guest_reserved, 50u * 88);
  Endpoint tight({.start = false, .rings = {.to_guest_pages = 2}});
  EXPECT_EQ(restore(tight.channel, image), STATUS_QUOTA_EXCEEDED);
  EXPECT_EQ(tight.guest->counters().to_guest_reserved, 0u);
  EXPECT_EQ(tight.statistics().IncomingInUse, 0u);
  tight.packets.clear();
  Endpoint tight_later({.start = false, .open = false, .rings = {.to_guest_pages = 2}});
  EXPECT_EQ(restore(tight_later.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(tight_later.guest->open(tight_later.channel), STATUS_INSUFFICIENT_RESOURCES);
}

// A transport that only counts what is set aside.
struct CountingTransport {
  static VMBS_TRANSPORT functions() {
    VMBS_TRANSPORT t{};
    t.Size = sizeof t;
    t.Peek = [](PVOID, VMBS_INCOMING_PACKET*) -> NTSTATUS { return STATUS_NO_MORE_ENTRIES; };
    t.Consume = [](PVOID) {};
    t.ReserveCompletion = [](PVOID self, UINT32) -> BOOLEAN {
      return static_cast<CountingTransport*>(self)->reserved++, 1;
    };
    t.ReleaseCompletion = [](PVOID self, UINT32) { static_cast<CountingTransport*>(self)->reserved--; };
    t.SendCompletion = [](PVOID self, UINT32, UINT64, const VOID*, UINT32) {
      static_cast<CountingTransport*>(self)->reserved--;
    };
    t.SendPacket = [](PVOID, UINT64, BOOLEAN, const VOID*, UINT32) -> BOOLEAN { return 1; };
    t.Wake = [](PVOID) {};
    return t;
  }
  int reserved = 0;
};

TEST(Transport, AnOpenThatFailsGivesRoomBack) {
  Endpoint source;
  source.fill(5);
  const Bytes image = save_and_end(source.channel);
  Endpoint destination({.start = false, .open = false});
  ASSERT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  CountingTransport counting;
  VMBS_TRANSPORT functions = CountingTransport::functions();
  destination.open_status = STATUS_UNSUCCESSFUL;
  EXPECT_EQ(VmbsChannelOpen(destination.channel, &functions, &counting), STATUS_UNSUCCESSFUL);
  EXPECT_EQ(counting.reserved, 0);
  destination.open_status = STATUS_SUCCESS;
  EXPECT_EQ(VmbsChannelOpen(destination.channel, &functions, &counting), STATUS_SUCCESS);
  EXPECT_EQ(counting.reserved, 5);
  destination.complete_all();
  EXPECT_EQ(counting.reserved, 0);
}

TEST(RestoreFromBuffer, WhatIsCompletedBeforeTheGuestOpensReachesItThen) {
  Endpoint source;
  source.fill(5);
  const Bytes image = save_and_end(source.channel);
  Endpoint destination({.start = false, .open = false});
  ASSERT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  const VMBPACKET early = destination.packets.front();
  UINT64 answer = 0x1122334455667788;
  VmbChannelPacketComplete(early, &answer, sizeof answer);
  VmbChannelPacketComplete(early, &answer, sizeof answer);
  EXPECT_EQ(destination.statistics().Misuses, 1u) << "the second one";
  EXPECT_EQ(save_and_end(destination.channel), image) << "to a save it is in use";
  EXPECT_EQ(destination.guest->open(destination.channel), STATUS_SUCCESS);
  const auto completion = destination.guest->receive();
  ASSERT_TRUE(completion.has_value());
  EXPECT_EQ(completion->transaction_id, 1u);
  EXPECT_EQ(std::memcmp(completion->payload.data(), &answer, sizeof answer), 0);
  destination.packets.erase(destination.packets.begin());
  VmbChannelStart(destination.channel);
  destination.complete_all();
  EXPECT_EQ(destination.completions().size(), 4u);
  EXPECT_EQ(destination.guest->counters().to_guest_reserved, 0u);
}

TEST(Transport, AnIncompleteOneIsRefused) {
  Endpoint endpoint({.open = false});
  VMBS_TRANSPORT functions = CountingTransport::functions();
  functions.Wake = nullptr;
  EXPECT_EQ(VmbsChannelOpen(endpoint.channel, &functions, nullptr), STATUS_INVALID_PARAMETER_2);
  functions = CountingTransport::functions();
  functions.Size = 8;
  EXPECT_EQ(VmbsChannelOpen(endpoint.channel, &functions, nullptr), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbsChannelOpen(endpoint.channel, nullptr, nullptr), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbsChannelOpen(nullptr, &functions, nullptr), STATUS_INVALID_PARAMETER_1);
}

TEST(RestoreFromBuffer, AnswersFindTheirPacketsInATableOfAnotherSize) {
  Endpoint source({.maximum_sends = 7});
  for (int i = 0; i < 7; ++i) {
    ASSERT_EQ(source.send(VmbPacketAllocate(source.channel), "question"), STATUS_SUCCESS);
  }
  const auto messages = source.messages();
  Endpoint destination({.start = false, .maximum_sends = 50});
  ASSERT_EQ(restore(destination.channel, save_and_end(source.channel)), STATUS_SUCCESS);
  VmbChannelStart(destination.channel);
  for (const auto& [id, payload] : messages) ASSERT_TRUE(destination.guest->complete(id, {}));
  EXPECT_EQ(destination.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(destination.ended.size(), 7u);
  ASSERT_EQ(destination.send(VmbPacketAllocate(destination.channel), "question"), STATUS_SUCCESS);
  const auto next = destination.messages();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_GT(next[0].first, messages.back().first) << "ids are not used again";
}

TEST(RestoreFromBuffer, RestoredPacketsAreCompletedOnceOnTheGuestsRing) {
  Endpoint source;
  source.fill(20);
  const Bytes image = save_and_end(source.channel);
  Endpoint destination({.start = false});
  ASSERT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  VmbChannelStart(destination.channel);
  destination.complete_all();
  EXPECT_EQ(destination.completions().size(), 20u);
  EXPECT_EQ(destination.statistics().IncomingInUse, 0u);
}

TEST(RestoreFromBuffer, ASecondSaveOfRestoredPacketsGivesTheSamePackets) {
  Endpoint source;
  source.fill(30);
  ASSERT_EQ(source.send(VmbPacketAllocate(source.channel), "question"), STATUS_SUCCESS);
  const Bytes image = save_and_end(source.channel);
  Endpoint destination({.start = false});
  ASSERT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(save_and_end(destination.channel), image);
}

}  // namespace
}  // namespace vmbsave::test
