// SaveBegin, SaveContinue and SaveEnd as a caller drives them; one VM, one cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "contract/endpoint.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::test {
namespace {

TEST(SaveContinue, EveryBufferSizeGivesTheSameBytes) {
  Endpoint endpoint;
  endpoint.fill(40);
  const Bytes whole = save_and_end(endpoint.channel);
  ASSERT_LE(whole.size(), 16384u);
  for (ULONG size = 0; size <= whole.size(); ++size) {
    ASSERT_EQ(save_and_end(endpoint.channel, size), whole) << "buffer of " << size;
  }
}

TEST(SaveContinue, ExactFitIsSuccess) {
  Endpoint endpoint;
  endpoint.fill(3);
  const Bytes whole = save_and_end(endpoint.channel);
  unsigned calls = 0;
  EXPECT_EQ(save(endpoint.channel, static_cast<ULONG>(whole.size()), &calls), whole);
  EXPECT_EQ(calls, 1u);
  VmbChannelSaveEnd(endpoint.channel);
}

TEST(SaveContinue, ReplayedCallByCallTheImageRestores) {
  Endpoint source;
  source.fill(200);
  Endpoint destination({.start = false});
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  Bytes buffer(16384);
  for (NTSTATUS saved = STATUS_BUFFER_OVERFLOW; saved == STATUS_BUFFER_OVERFLOW;) {
    ULONG filled = 0;
    ULONG required = 0;
    saved =
        VmbChannelSaveContinue(source.channel, buffer.data(), static_cast<ULONG>(buffer.size()), &filled, &required);
    const NTSTATUS restored = VmbChannelRestoreFromBuffer(destination.channel, buffer.data(), filled);
    EXPECT_EQ(restored, saved == STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED);
  }
  VmbChannelSaveEnd(source.channel);
  EXPECT_EQ(save_and_end(destination.channel), save_and_end(source.channel));
}

TEST(SaveContinue, ArgumentsAreChecked) {
  Endpoint endpoint;
  ULONG filled = 0;
  ULONG required = 0;
  UINT8 buffer[64];
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, nullptr, 8, &filled, &required), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, buffer, sizeof buffer, nullptr, &required),
            STATUS_INVALID_PARAMETER);
  EXPECT_EQ(VmbChannelSaveContinue(endpoint.channel, buffer, sizeof buffer, &filled, nullptr),
            STATUS_INVALID_PARAMETER);
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_EQ(VmbChannelSaveBegin(nullptr), STATUS_INVALID_PARAMETER_1);
}

// ---- one VM, one cut: the first SaveBegin cuts for all, later ones join, the last SaveEnd ends it
// ------------------------------------------------------------------------------------

class OneCut : public testing::TestWithParam<int> {
 protected:
  OneCut() {
    for (int i = 0; i < GetParam(); ++i) {
      channels.push_back(std::make_unique<Endpoint>(Endpoint::Config{.parent = parent}));
      channels.back()->fill(static_cast<UINT32>(10 + i));
    }
  }
  Parent parent;
  std::vector<std::unique_ptr<Endpoint>> channels;
};

TEST_P(OneCut, HoldsForAllChannelsFromTheFirstBeginToTheLastEnd) {
  Endpoint other_vm;
  ASSERT_EQ(VmbChannelSaveBegin(channels.front()->channel), STATUS_SUCCESS);
  for (auto& e : channels) {
    EXPECT_FALSE(e->receive(99, 1)) << "the first SaveBegin is the cut for all";
    EXPECT_EQ(e->signal_status, STATUS_DEVICE_BUSY);
  }
  EXPECT_TRUE(other_vm.receive(99, 1)) << "another VM goes on";
  for (auto& e : channels) {
    e->complete(e->packets.front());
    EXPECT_TRUE(e->completions().empty());
    if (e != channels.front()) {
      EXPECT_EQ(VmbChannelSaveBegin(e->channel), STATUS_SUCCESS);
    }
  }
  std::vector<Bytes> images;
  for (auto& e : channels) {
    images.emplace_back();
    EXPECT_EQ(save_continue(e->channel, &images.back()), STATUS_SUCCESS);
  }
  for (auto& e : channels) {
    EXPECT_TRUE(e->completions().empty()) << "the save is open until the last SaveEnd";
    VmbChannelSaveEnd(e->channel);
  }
  for (std::size_t i = 0; i < channels.size(); ++i) {
    EXPECT_EQ(channels[i]->completions(), std::vector<UINT64>{1}) << "resumed: delivered once";
    EXPECT_EQ(channels[i]->guest->signal(), STATUS_SUCCESS) << "what stayed in the ring comes in";
    EXPECT_EQ(channels[i]->packets.size(), 10 + i);
    Endpoint destination({.start = false});
    EXPECT_EQ(restore(destination.channel, images[i]), STATUS_SUCCESS);
    EXPECT_EQ(destination.packets.size(), 10 + i) << "the packets at the cut";
  }
}

TEST_P(OneCut, ASecondChannelsPassIsNotASecondSave) {
  unsigned calls = 0;
  for (auto& e : channels) {
    e->on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      if (size == 0) ++calls;
      return Endpoint::plain_save(packet, buf, size, needed);
    };
    ASSERT_EQ(VmbChannelSaveBegin(e->channel), STATUS_SUCCESS);
  }
  std::size_t packets = 0;
  for (auto& e : channels) packets += e->packets.size();
  for (auto& e : channels) {
    EXPECT_EQ(save_continue(e->channel, nullptr, 16), STATUS_SUCCESS);
    EXPECT_EQ(calls, packets) << "the first SaveContinue saves the whole VM, the others nothing";
  }
  for (auto& e : channels) VmbChannelSaveEnd(e->channel);
}

TEST_P(OneCut, MayBeSavedFromAThreadAChannel) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    for (auto& e : channels) {
      threads.emplace_back([&e] {
        EXPECT_EQ(VmbChannelSaveBegin(e->channel), STATUS_SUCCESS);
        EXPECT_EQ(save_continue(e->channel), STATUS_SUCCESS);
        VmbChannelSaveEnd(e->channel);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_P(OneCut, DiscardOfOneChannelLeavesTheOthers) {
  for (auto& e : channels) ASSERT_EQ(VmbChannelSaveBegin(e->channel), STATUS_SUCCESS);
  for (auto& e : channels) EXPECT_EQ(save_continue(e->channel), STATUS_SUCCESS);
  for (auto& e : channels) e->complete(e->packets.front());
  VmbChannelDisable(channels.front()->channel);
  for (auto& e : channels) VmbChannelSaveEnd(e->channel);
  for (auto& e : channels) {
    EXPECT_EQ(e->completions().size(), e == channels.front() ? 0u : 1u);
  }
}

INSTANTIATE_TEST_SUITE_P(Channels, OneCut, testing::Values(1, 2, 16));

// ---- resume and discard
// ----------------------------------------------------------------------------------------------------------------

TEST(SaveEnd, ResumesAndDeliversWhatWasDeferred) {
  Endpoint endpoint;
  endpoint.fill(5);
  const VMBPACKET sent = VmbPacketAllocate(endpoint.channel);
  ASSERT_EQ(endpoint.send(sent, "question"), STATUS_SUCCESS);
  save(endpoint.channel);
  endpoint.complete_all();
  EXPECT_TRUE(endpoint.completions().empty());
  ASSERT_TRUE(endpoint.guest->complete(1, {}));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_DEVICE_BUSY) << "the guest's answer stays in the ring";
  EXPECT_TRUE(endpoint.ended.empty());
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_TRUE(endpoint.guest->host_work_due()) << "the channel asks for the ring to be read again";
  EXPECT_EQ(endpoint.completions(), (std::vector<UINT64>{1, 2, 3, 4, 5}));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  ASSERT_EQ(endpoint.ended.size(), 1u);
  EXPECT_EQ(endpoint.ended[0].status, STATUS_SUCCESS);
  EXPECT_EQ(endpoint.statistics().IncomingInUse, 0u);
}

TEST(SaveEnd, AfterDisableItDiscardsAndNothingIsDelivered) {
  Endpoint endpoint;
  endpoint.fill(5);
  const VMBPACKET sent = VmbPacketAllocate(endpoint.channel);
  ASSERT_EQ(endpoint.send(sent, "question"), STATUS_SUCCESS);
  save(endpoint.channel);
  endpoint.complete(endpoint.packets.front());
  VmbChannelDisable(endpoint.channel);
  EXPECT_EQ(endpoint.changes_seen, (std::vector<std::string>{"suspend", "closed"}));
  VmbChannelSaveEnd(endpoint.channel);
  for (const VMBPACKET held : endpoint.packets) VmbChannelPacketComplete(held, nullptr, 0);
  EXPECT_TRUE(endpoint.completions().empty());
  EXPECT_TRUE(endpoint.ended.empty()) << "the destination owns the packets";
  endpoint.packets.clear();
  endpoint.guest->detach();
  ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  EXPECT_TRUE(endpoint.receive(9, 1));
  EXPECT_EQ(endpoint.statistics().IncomingInUse, 1u) << "and the channel was left empty";
}

TEST(SaveEnd, WithoutSaveContinueItAbortsAndThePacketsStay) {
  Endpoint endpoint;
  endpoint.fill(5);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_EQ(endpoint.statistics().IncomingInUse, 5u);
  endpoint.complete_all();
  EXPECT_EQ(endpoint.completions().size(), 5u);
}

// ---- channels that come and go meanwhile
// ------------------------------------------------------------------------------------------------

TEST(Save, ChannelsThatLeaveDuringItGoAtItsEnd) {
  Parent parent;
  Endpoint first({.parent = parent});
  first.fill(30);
  {
    Endpoint joined({.parent = parent});
    Endpoint bystander({.parent = parent});
    joined.fill(10);
    ASSERT_EQ(VmbChannelSaveBegin(first.channel), STATUS_SUCCESS);
    ASSERT_EQ(VmbChannelSaveBegin(joined.channel), STATUS_SUCCESS);
    VmbChannelDisable(bystander.channel);
    EXPECT_EQ(VmbChannelEnable(bystander.channel), STATUS_INVALID_DEVICE_STATE) << "disabled at the end of the save";
    VmbChannelCleanup(bystander.channel);
    VmbChannelCleanup(joined.channel);
    bystander.channel = joined.channel = nullptr;
    Bytes image;
    EXPECT_EQ(save_continue(first.channel, &image), STATUS_SUCCESS);
    VmbChannelSaveEnd(first.channel);
    EXPECT_EQ(save_and_end(first.channel).size(), image.size());
  }
}

TEST(Save, NothingOfAChannelRunsAfterItsDisable) {
  Parent parent;
  Endpoint first({.parent = parent});
  first.fill(3);
  Endpoint leaving({.parent = parent});
  leaving.fill(4);
  unsigned calls = 0;
  leaving.on_save = [&](VMBPACKET, PVOID, UINT32, PUINT32) -> NTSTATUS { return ++calls, STATUS_SUCCESS; };
  ASSERT_EQ(VmbChannelSaveBegin(first.channel), STATUS_SUCCESS);
  leaving.complete_all();  // during the save: that counts
  VmbChannelDisable(leaving.channel);
  EXPECT_FALSE(leaving.receive(9, 0));
  EXPECT_EQ(save_continue(first.channel), STATUS_SUCCESS);
  VmbChannelSaveEnd(first.channel);
  EXPECT_EQ(calls, 0u);
  EXPECT_EQ(leaving.completions().size(), 4u) << "what was completed in time reaches the guest at the save's end";
}

TEST(Save, ADisableMeanwhileEndsSendsWithCancelledAtItsEnd) {
  Parent parent;
  Endpoint first({.parent = parent});
  Endpoint leaving({.parent = parent});
  const VMBPACKET sent = VmbPacketAllocate(leaving.channel);
  ASSERT_EQ(leaving.send(sent, "question"), STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelSaveBegin(first.channel), STATUS_SUCCESS);
  VmbChannelDisable(leaving.channel);
  EXPECT_TRUE(leaving.ended.empty());
  VmbChannelSaveEnd(first.channel);
  ASSERT_EQ(leaving.ended.size(), 1u);
  EXPECT_EQ(leaving.ended[0].status, STATUS_CANCELLED);
  VmbPacketFree(sent);
  EXPECT_EQ(VmbChannelEnable(leaving.channel), STATUS_SUCCESS);
}

TEST(Save, ABeginThatFailsWakesWhatItStopped) {
  Endpoint endpoint;
  endpoint.fill(1);
  VMBS_SAVE_OPTIONS options;
  VMBS_SAVE_OPTIONS_INIT(&options);
  options.DeadlineNs = 1'000'000;
  ASSERT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_SUCCESS);
  endpoint.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32) {
    endpoint.packets.push_back(packet);
    std::thread([&] { EXPECT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_IO_TIMEOUT); }).join();
  };
  const Request request{0, 2};
  ASSERT_TRUE(endpoint.guest->send(2, std::as_bytes(std::span(&request, 1)), true));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_TRUE(endpoint.guest->host_work_due()) << "whoever met the save is asked to look again";
}

TEST(Save, TheVspsOwnStatusIsInTheStatistics) {
  Endpoint endpoint;
  endpoint.fill(1);
  endpoint.on_save = [](VMBPACKET, PVOID, UINT32, PUINT32) -> NTSTATUS { return STATUS_BUFFER_TOO_SMALL; };
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(save_continue(endpoint.channel), STATUS_INVALID_BUFFER_SIZE)
      << "to the caller it would mean something else";
  EXPECT_EQ(endpoint.save_statistics().FailureStatus, STATUS_BUFFER_TOO_SMALL);
  VmbChannelSaveEnd(endpoint.channel);
}

TEST(Save, BeginFromInsideProcessPacketIsRefused) {
  Endpoint endpoint;
  endpoint.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32) {
    EXPECT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_INVALID_DEVICE_STATE);
    VmbChannelPacketComplete(packet, nullptr, 0);
  };
  endpoint.receive(1, 0);
  EXPECT_EQ(endpoint.completions(), std::vector<UINT64>{1});
  EXPECT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS) << "and nothing is left of it";
  VmbChannelSaveEnd(endpoint.channel);
}

// ---- options
// --------------------------------------------------------------------------------------------------------------------------

VMBS_SAVE_OPTIONS defaults() {
  VMBS_SAVE_OPTIONS options;
  VMBS_SAVE_OPTIONS_INIT(&options);
  return options;
}

VMBS_SAVE_STATISTICS statistics(VMBCHANNEL channel) {
  VMBS_SAVE_STATISTICS statistics{};
  statistics.Size = sizeof statistics;
  EXPECT_EQ(VmbsChannelGetSaveStatistics(channel, &statistics), STATUS_SUCCESS);
  return statistics;
}

TEST(SaveOptions, ThreadsGiveTheSameImage) {
  for (const bool concurrent : {false, true}) {
    Endpoint endpoint({.concurrent = concurrent});
    endpoint.fill(200);
    const Bytes serial = save_and_end(endpoint.channel);
    VMBS_SAVE_OPTIONS options = defaults();
    options.Threads = 3;
    options.SerialBelow = 0;
    for (const int executor : {VMBS_EXECUTOR_SERIAL, VMBS_EXECUTOR_THREADS, VMBS_EXECUTOR_AUTO}) {
      for (const int plan : {VMBS_PLAN_AUTO, VMBS_PLAN_EXACT, VMBS_PLAN_FUSED}) {
        options.Executor = static_cast<UINT32>(executor);
        options.Plan = static_cast<UINT8>(plan);
        ASSERT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_SUCCESS);
        EXPECT_EQ(save_and_end(endpoint.channel), serial) << "executor " << executor << ", plan " << plan;
        const VMBS_SAVE_STATISTICS s = statistics(endpoint.channel);
        EXPECT_EQ(s.Plan, plan == VMBS_PLAN_EXACT ? UINT32{VMBS_PLAN_EXACT} : UINT32{VMBS_PLAN_FUSED});
        EXPECT_EQ(s.Threads, executor == VMBS_EXECUTOR_SERIAL    ? 1u
                             : executor == VMBS_EXECUTOR_THREADS ? 3u
                                                                 : std::min(3u, available_cpus()));
      }
    }
  }
}

TEST(SaveOptions, MemoryIsReadyBeforeTheFirstSave) {
  Endpoint endpoint;
  endpoint.fill(200);
  VMBS_SAVE_OPTIONS options = defaults();
  options.Plan = VMBS_PLAN_FUSED;
  options.ReserveBytes = UINT64_MAX / 2;
  EXPECT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_INSUFFICIENT_RESOURCES);
  options.ReserveBytes = 1 << 20;
  ASSERT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_SUCCESS);
  save_and_end(endpoint.channel);
  EXPECT_EQ(statistics(endpoint.channel).SaveNs, 0u) << "one pass";
  EXPECT_GT(statistics(endpoint.channel).PassNs, 0u);
}

TEST(SaveOptions, BadOnesAreRefused) {
  Endpoint endpoint;
  VMBS_SAVE_OPTIONS options = defaults();
  options.Threads = 1025;
  EXPECT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_INVALID_PARAMETER_2);
  options = defaults();
  options.Plan = 3;
  EXPECT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_INVALID_PARAMETER_2);
  options = defaults();
  options.Executor = 77;
  EXPECT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_INVALID_PARAMETER_2);
  options = defaults();
  options.Size = 4;
  EXPECT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_INVALID_PARAMETER_2);
  options = defaults();
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_DEVICE_BUSY);
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_SUCCESS);
}

TEST(SaveOptions, AnImageOverTheBudgetFailsTheSaveAndLosesNothing) {
  Endpoint endpoint;
  endpoint.fill(20);
  const Bytes image = save_and_end(endpoint.channel);
  VMBS_SAVE_OPTIONS options = defaults();
  options.MemoryBudget = 1024;
  ASSERT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(save_continue(endpoint.channel), STATUS_QUOTA_EXCEEDED);
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_EQ(statistics(endpoint.channel).FailureStatus, STATUS_QUOTA_EXCEEDED);
  options.MemoryBudget = 1 << 20;
  ASSERT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_SUCCESS);
  EXPECT_EQ(save_and_end(endpoint.channel), image);
}

TEST(SaveOptions, PastTheDeadlineTheSaveFailsAndLosesNothing) {
  Endpoint endpoint;
  endpoint.fill(3);
  VMBS_SAVE_OPTIONS options = defaults();
  options.DeadlineNs = 1;
  ASSERT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_SUCCESS);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS) << "nothing was in transit to wait for";
  EXPECT_EQ(save_continue(endpoint.channel), STATUS_IO_TIMEOUT);
  VmbChannelSaveEnd(endpoint.channel);
  endpoint.complete_all();
  EXPECT_EQ(endpoint.completions().size(), 3u);
}

TEST(SaveOptions, WithoutChecksumsTheImageIsNotRestored) {
  Endpoint endpoint;
  endpoint.fill(3);
  VMBS_SAVE_OPTIONS options = defaults();
  options.Checksum = 0;
  ASSERT_EQ(VmbsChannelSetSaveOptions(endpoint.channel, &options), STATUS_SUCCESS);
  const Bytes image = save_and_end(endpoint.channel);
  Endpoint destination({.start = false});
  EXPECT_EQ(restore(destination.channel, image), STATUS_CRC_ERROR);
  EXPECT_EQ(destination.restore_calls, 0u);
}

TEST(SaveStatistics, SayWhatASaveDid) {
  Endpoint endpoint;
  endpoint.fill(20);
  const Bytes image = save(endpoint.channel);
  endpoint.complete(endpoint.packets.front());
  VmbChannelSaveEnd(endpoint.channel);
  const VMBS_SAVE_STATISTICS s = statistics(endpoint.channel);
  EXPECT_EQ(s.Packets, 20u);
  EXPECT_EQ(s.Channels, 1u);
  EXPECT_GT(s.ImageBytes, image.size()) << "the channel's stream, image chunk and end chunk";
  EXPECT_EQ(s.DeferredDelivered, 1u);
  EXPECT_EQ(s.FailureStatus, STATUS_SUCCESS);
  EXPECT_GT(s.PassNs, 0u);
  EXPECT_EQ(s.Threads, 1u);
  VMBS_SAVE_STATISTICS wrong{};
  EXPECT_EQ(VmbsChannelGetSaveStatistics(endpoint.channel, &wrong), STATUS_INVALID_PARAMETER_2);
}

}  // namespace
}  // namespace vmbsave::test
