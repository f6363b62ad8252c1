// The life of a channel: configuration, the state model, teardown.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

using Changes = std::vector<std::string>;

TEST(Channel, InitFunctionsApplyBeforeEnableOnly) {
  Endpoint endpoint;
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS changes;
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&changes);
  const auto save = [](VMBCHANNEL, VMBPACKET, PVOID, UINT32, PUINT32) -> NTSTATUS { return 0; };
  const auto restore = [](VMBCHANNEL, PVOID, UINT32, PVOID, UINT32) -> NTSTATUS { return 0; };
  for (VMBCHANNEL channel : {endpoint.channel, VMBCHANNEL{nullptr}}) {
    EXPECT_EQ(VmbChannelInitSetClientContextSize(channel, 8), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbChannelInitSetMaximumPacketSize(channel, 8), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbChannelInitSetMaximumExternalData(channel, 8, 1), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbChannelInitSetFlags(channel, 0), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbServerChannelInitSetFlags(channel, 0), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbServerChannelInitSetTargetInterfaceId(channel, {}, {}), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbChannelInitSetProcessPacketCallbacks(channel, nullptr, nullptr), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbChannelInitSetStateChangeCallbacks(channel, &changes), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, save, restore), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbsChannelInitSetConcurrentCallbacks(channel, 1), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(VmbsChannelInitSetMaximumSends(channel, 1), STATUS_INVALID_PARAMETER_1);
  }
}

TEST(Channel, InitFunctionsRefuseBadValuesByParameter) {
  VMBCHANNEL channel = nullptr;
  EXPECT_EQ(VmbChannelAllocate(nullptr, 0, &channel), STATUS_INVALID_PARAMETER_2) << "server endpoints only";
  EXPECT_EQ(VmbChannelAllocate(nullptr, 1, nullptr), STATUS_INVALID_PARAMETER_3);
  ASSERT_EQ(VmbChannelAllocate(nullptr, 1, &channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelInitSetMaximumPacketSize(channel, 0), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbChannelInitSetMaximumExternalData(channel, 0, 1), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbChannelInitSetMaximumExternalData(channel, 1, 0), STATUS_INVALID_PARAMETER_3);
  EXPECT_EQ(VmbChannelInitSetMaximumExternalData(channel, 4096, 1), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelInitSetFlags(channel, VMBUS_CHANNEL_INIT_FLAG_IS_PIPE), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbServerChannelInitSetFlags(channel, 0x80), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbServerChannelInitSetFlags(channel, VMBUS_SERVER_CHANNEL_INIT_FLAG_FORCE_NEW_CHANNEL), STATUS_SUCCESS);
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS changes{};
  EXPECT_EQ(VmbChannelInitSetStateChangeCallbacks(channel, &changes), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbChannelInitSetStateChangeCallbacks(channel, nullptr), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbPacketAllocate(channel), nullptr) << "not enabled";
  VmbChannelCleanup(channel);
}

// ---- the state model
// ----------------------------------------------------------------------------------------------------------------------

TEST(StateModel, CallbacksComeInTheDocumentedOrder) {
  Endpoint endpoint({.start = false, .open = false});
  ASSERT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.changes_seen, Changes{"opened"});
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.changes_seen, (Changes{"opened", "started", "post_started"}));
  endpoint.changes_seen.clear();
  VmbChannelPause(endpoint.channel);
  EXPECT_EQ(endpoint.changes_seen, Changes{"suspend"});
  VmbChannelStart(endpoint.channel);
  ASSERT_EQ(endpoint.guest->close(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.changes_seen, (Changes{"suspend", "started", "post_started", "suspend", "closed"}));
  endpoint.changes_seen.clear();
  ASSERT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.changes_seen, (Changes{"opened", "started", "post_started"})) << "a started channel opens";
  endpoint.changes_seen.clear();
  VmbChannelDisable(endpoint.channel);
  EXPECT_EQ(endpoint.changes_seen, (Changes{"suspend", "closed"}));
}

TEST(StateModel, AnOpenedCallbackThatFailsKeepsTheChannelClosed) {
  Endpoint endpoint({.open = false});
  endpoint.open_status = STATUS_INSUFFICIENT_RESOURCES;
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(endpoint.changes_seen, Changes{"opened"});
  endpoint.open_status = STATUS_SUCCESS;
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
  EXPECT_TRUE(endpoint.receive(1, 0));
}

TEST(StateModel, NothingComesInBeforeStartedHasReturnedNorAfterSuspend) {
  Endpoint endpoint({.start = false});
  EXPECT_FALSE(endpoint.receive(1, 0)) << "paused";
  EXPECT_EQ(endpoint.signal_status, STATUS_DEVICE_BUSY);
  endpoint.on_change = [&](const std::string& change) {
    EXPECT_EQ(endpoint.guest->signal() == STATUS_SUCCESS, false) << "from inside " << change;
    EXPECT_TRUE(endpoint.packets.empty());
  };
  VmbChannelStart(endpoint.channel);
  EXPECT_TRUE(endpoint.guest->host_work_due()) << "what waits in the ring is asked for";
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.packets.size(), 1u);
  endpoint.on_change = nullptr;
  endpoint.complete_all();
  VmbChannelPause(endpoint.channel);
  EXPECT_FALSE(endpoint.receive(2, 0));
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.packets.size(), 1u) << "it had stayed in the ring";
}

// Pause, close and disable wait for what the VSP has; another thread completes it.
TEST(StateModel, LeavingTheActiveStateWaitsForTheGuestsPackets) {
  const auto pause = [](Endpoint& e) { VmbChannelPause(e.channel); };
  const auto close = [](Endpoint& e) { EXPECT_EQ(e.guest->close(), STATUS_SUCCESS); };
  const auto disable = [](Endpoint& e) { VmbChannelDisable(e.channel); };
  for (void (*leave)(Endpoint&) : {+pause, +close, +disable}) {
    Endpoint endpoint;
    endpoint.fill(30);
    std::atomic<bool> suspended = false;
    std::atomic<bool> left = false;
    endpoint.on_change = [&](const std::string& change) {
      if (change == "suspend") suspended = true;
      EXPECT_TRUE(change != "closed" || endpoint.packets.empty());
    };
    std::thread vsp([&] {
      while (!suspended) std::this_thread::yield();
      while (!endpoint.packets.empty()) {
        EXPECT_FALSE(left) << endpoint.packets.size() << " packets are still in use";
        const VMBPACKET packet = endpoint.packets.back();
        endpoint.packets.pop_back();
        VmbChannelPacketComplete(packet, nullptr, 0);
      }
    });
    leave(endpoint);
    left = true;
    vsp.join();
    EXPECT_EQ(endpoint.completions().size(), 30u);
  }
}

TEST(StateModel, DisableOfAnUnfinishedSaveWaitsToo) {
  Endpoint endpoint;
  endpoint.fill(5);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  std::atomic<bool> suspended = false;
  std::atomic<bool> disabled = false;
  endpoint.on_change = [&](const std::string& change) { suspended = suspended || change == "suspend"; };
  std::thread vsp([&] {
    while (!suspended) std::this_thread::yield();
    for (const VMBPACKET packet : endpoint.packets) {
      EXPECT_FALSE(disabled);
      VmbChannelPacketComplete(packet, nullptr, 0);
    }
  });
  VmbChannelDisable(endpoint.channel);
  disabled = true;
  vsp.join();
  VmbChannelSaveEnd(endpoint.channel);
}

TEST(StateModel, NoSaveBeginsWhileAChannelOfTheVmIsOpened) {
  Parent parent;
  Endpoint other({.parent = parent});
  Endpoint endpoint({.parent = parent, .open = false});
  endpoint.on_change = [&](const std::string& change) {
    if (change != "opened") return;
    std::thread([&] { EXPECT_EQ(VmbChannelSaveBegin(other.channel), STATUS_DEVICE_BUSY); }).join();
  };
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelSaveBegin(other.channel), STATUS_SUCCESS);
  endpoint.on_change = nullptr;
  EXPECT_EQ(endpoint.guest->close(), STATUS_DEVICE_BUSY);
  VmbChannelSaveEnd(other.channel);
  EXPECT_EQ(endpoint.guest->close(), STATUS_SUCCESS);
}

TEST(StateModel, PauseCountsWhatASaveDeferredAsCompleted) {
  Endpoint endpoint;
  endpoint.fill(3);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  endpoint.complete_all();
  VmbChannelPause(endpoint.channel);
  EXPECT_TRUE(endpoint.completions().empty());
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_EQ(endpoint.completions().size(), 3u);
}

TEST(StateModel, ChangesFromInsideCallbacksHaveNoEffectAndAreCounted) {
  Endpoint endpoint({.start = false});
  const auto try_all = [&] {
    VmbChannelStart(endpoint.channel);
    VmbChannelPause(endpoint.channel);
    VmbChannelDisable(endpoint.channel);
    VmbChannelCleanup(endpoint.channel);
    EXPECT_EQ(VmbsChannelClose(endpoint.channel), STATUS_INVALID_DEVICE_STATE);
  };
  endpoint.on_change = [&](const std::string&) { try_all(); };
  endpoint.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32) {
    try_all();
    endpoint.packets.push_back(packet);
  };
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.statistics().Misuses, 10u) << "started and post_started";
  EXPECT_TRUE(endpoint.receive(1, 0));
  EXPECT_EQ(endpoint.statistics().Misuses, 15u);
  EXPECT_EQ(endpoint.changes_seen, (Changes{"started", "post_started"}));
  endpoint.complete_all();
}

TEST(StateModel, StartAndPauseRaceWithSignals) {
  Endpoint endpoint;
  endpoint.on_process = [](VMBPACKET packet, PVOID, UINT32, UINT32) { VmbChannelPacketComplete(packet, nullptr, 0); };
  std::atomic<bool> stop = false;
  std::thread guest([&] {
    for (UINT64 id = 1; !stop; ++id) {
      (void)endpoint.guest->send(id, {}, true);
      (void)endpoint.guest->signal();
      while (endpoint.guest->receive()) {
      }
    }
  });
  for (int i = 0; i < 300; ++i) {
    VmbChannelPause(endpoint.channel);
    EXPECT_EQ(endpoint.statistics().IncomingInUse, 0u);
    VmbChannelStart(endpoint.channel);
  }
  stop = true;
  guest.join();
}

// ---- teardown
// ------------------------------------------------------------------------------------------------------------------------

TEST(Teardown, CleanupOfAnEnabledChannelDropsWhatIsInUse) {
  Endpoint endpoint;
  endpoint.fill(3);
  endpoint.cleanup();
  EXPECT_TRUE(endpoint.completions().empty());
  EXPECT_TRUE(endpoint.changes_seen.empty());
}

TEST(Teardown, DisableEndsSendsWithCancelled) {
  Endpoint endpoint;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(endpoint.send(VmbPacketAllocate(endpoint.channel), "question"), STATUS_SUCCESS);
  }
  VmbChannelPause(endpoint.channel);
  ASSERT_EQ(endpoint.send(VmbPacketAllocate(endpoint.channel), "queued"), STATUS_SUCCESS);
  VmbChannelDisable(endpoint.channel);
  ASSERT_EQ(endpoint.ended.size(), 4u);
  for (const auto& ended : endpoint.ended) EXPECT_EQ(ended.status, STATUS_CANCELLED);
}

TEST(Teardown, NothingIsSentOnceTheChannelIsBeingDisabled) {
  Endpoint endpoint;
  NTSTATUS again = STATUS_SUCCESS;
  endpoint.on_ended = [&](VMBPACKET packet, NTSTATUS) { again = endpoint.send(packet, "once more"); };
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  ASSERT_EQ(endpoint.send(packet, "question"), STATUS_SUCCESS);
  VmbChannelDisable(endpoint.channel);
  EXPECT_EQ(again, STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(endpoint.ended.size(), 1u);
}

TEST(Teardown, SendsRaceWithDisable) {
  for (int round = 0; round < 200; ++round) {
    Endpoint endpoint;
    std::atomic<unsigned> ended = 0;
    endpoint.on_ended = [&](VMBPACKET packet, NTSTATUS) {
      VmbPacketFree(packet);
      ++ended;
    };
    unsigned sent = 0;
    std::atomic<bool> stop = false;
    std::thread vsp([&] {
      while (!stop) {
        const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
        if (packet == nullptr) continue;
        if (endpoint.send(packet, "question") == STATUS_SUCCESS) {
          ++sent;
        } else {
          VmbPacketFree(packet);
        }
      }
    });
    VmbChannelDisable(endpoint.channel);
    stop = true;
    vsp.join();
    EXPECT_EQ(ended, sent) << "a routine for each successful send";
  }
}

TEST(StateModel, CallbacksThatNestAreAllRemembered) {
  Parent parent;
  Endpoint outer({.parent = parent});
  Endpoint inner({.parent = parent});
  inner.on_change = [&](const std::string&) { VmbChannelPause(outer.channel); };
  outer.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32) {
    VmbChannelPause(inner.channel);
    outer.packets.push_back(packet);
  };
  EXPECT_TRUE(outer.receive(1, 0));
  EXPECT_EQ(outer.statistics().Misuses, 1u) << "it would wait for its own caller";
  outer.complete_all();
}

TEST(Teardown, CloseCancelsWhatTheGuestHasAndKeepsWhatIsQueued) {
  Endpoint endpoint;
  ASSERT_EQ(endpoint.send(VmbPacketAllocate(endpoint.channel), "in the ring"), STATUS_SUCCESS);
  VmbChannelPause(endpoint.channel);
  ASSERT_EQ(endpoint.send(VmbPacketAllocate(endpoint.channel), "queued.."), STATUS_SUCCESS);
  ASSERT_EQ(endpoint.guest->close(), STATUS_SUCCESS);
  ASSERT_EQ(endpoint.ended.size(), 1u);
  EXPECT_EQ(endpoint.ended[0].status, STATUS_CANCELLED);
  (void)endpoint.messages();
  ASSERT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  const auto messages = endpoint.messages();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(std::memcmp(messages[0].second.data(), "queued..", 8), 0);
}

TEST(Teardown, ChannelsOfOneVmComeAndGoFromSeveralThreads) {
  Parent parent;
  Endpoint staying({.parent = parent});
  const auto come_and_go = [&] {
    for (int i = 0; i < 100; ++i) Endpoint endpoint({.parent = parent});
  };
  std::thread other(come_and_go);
  come_and_go();
  other.join();
  staying.fill(5);
  EXPECT_FALSE(save_and_end(staying.channel).empty());
}

TEST(Teardown, CompletingRacesWithDisableAndCleanup) {
  for (int round = 0; round < 200; ++round) {
    Endpoint endpoint({.maximum_sends = 0});
    endpoint.fill(8);
    const std::vector<VMBPACKET> packets = endpoint.packets;
    std::thread vsp([&] {
      for (const VMBPACKET packet : packets) VmbChannelPacketComplete(packet, nullptr, 0);
    });
    VmbChannelDisable(endpoint.channel);
    endpoint.cleanup();
    vsp.join();
    EXPECT_EQ(endpoint.completions().size(), 8u);
  }
}

}  // namespace
}  // namespace vmbsave::test
