// Packets of both directions, through the C face.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

// ---- incoming
// ------------------------------------------------------------------------------------------------------------------------

TEST(Incoming, ABatchIsOneSignalsPackets) {
  Endpoint endpoint;
  const Request request{0, 0};
  for (UINT64 id = 1; id <= 5; ++id) {
    ASSERT_TRUE(endpoint.guest->send(id, std::as_bytes(std::span(&request, 1)), true));
  }
  std::uint32_t processed = 0;
  EXPECT_EQ(endpoint.guest->signal(2, &processed), STATUS_MORE_ENTRIES);
  EXPECT_EQ(processed, 2u);
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.batches, (std::vector<UINT32>{2, 3}));
}

TEST(Incoming, TheQuotaStopsTheQueueAndACompletionWakesIt) {
  Endpoint endpoint({.quota = 3});
  for (UINT64 id = 1; id <= 3; ++id) EXPECT_TRUE(endpoint.receive(id, 0));
  EXPECT_FALSE(endpoint.receive(4, 0));
  EXPECT_EQ(endpoint.signal_status, STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_FALSE(endpoint.guest->host_work_due());
  endpoint.complete(endpoint.packets.front());
  EXPECT_TRUE(endpoint.guest->host_work_due());
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.packets.size(), 3u);
}

TEST(Incoming, TheQuotaMayFallBelowWhatIsInUse) {
  Endpoint endpoint({.quota = 10});
  endpoint.fill(5);
  VmbChannelSetTransactionQuota(endpoint.channel, 2);
  EXPECT_FALSE(endpoint.receive(6, 0));
  for (int i = 0; i < 3; ++i) endpoint.complete(endpoint.packets.front());
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INSUFFICIENT_RESOURCES) << "2 in use still";
  VmbChannelSetTransactionQuota(endpoint.channel, 10);
  endpoint.complete(endpoint.packets.front());
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.packets.size(), 2u);
}

// Completions on other threads against a reader that stops at the quota all the time: nothing is left behind.
TEST(Incoming, NoWakeUpIsLost) {
  Endpoint endpoint({.quota = 2});
  std::atomic<VMBPACKET> handed[2] = {};
  endpoint.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32) {
    for (;;) {
      for (auto& slot : handed) {
        VMBPACKET none = nullptr;
        if (slot.compare_exchange_strong(none, packet)) return;
      }
    }
  };
  std::atomic<bool> stop = false;
  const auto complete_all = [&](std::size_t mine) {
    while (!stop) {
      if (const VMBPACKET packet = handed[mine].exchange(nullptr); packet != nullptr) {
        VmbChannelPacketComplete(packet, nullptr, 0);
      }
    }
  };
  std::thread first(complete_all, 0);
  std::thread second(complete_all, 1);
  constexpr UINT64 kPackets = 3000;
  UINT64 seen = 0;
  for (UINT64 sent = 0; seen < kPackets;) {
    while (sent < kPackets && endpoint.guest->send(sent + 1, {}, true)) ++sent;
    if (endpoint.guest->host_work_due()) (void)endpoint.guest->signal();
    while (endpoint.guest->receive()) ++seen;
  }
  stop = true;
  first.join();
  second.join();
  EXPECT_EQ(seen, kPackets);
}

TEST(Incoming, ADeferredPacketIsIndicatedOnceMore) {
  Endpoint endpoint;
  int calls = 0;
  endpoint.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32) {
    VmbChannelPacketDeferToPassive(packet);
    if (++calls == 2) endpoint.packets.push_back(packet);
  };
  EXPECT_TRUE(endpoint.receive(1, 0));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(endpoint.statistics().Received, 1u);
  EXPECT_EQ(endpoint.statistics().Misuses, 1u) << "there is no lower level than PASSIVE";
  VmbChannelPacketDeferToPassive(endpoint.packets[0]);
  EXPECT_EQ(endpoint.statistics().Misuses, 2u) << "outside ProcessPacket";
}

TEST(Incoming, AFailedPacketStopsTheQueueAndIsNotCompleted) {
  Endpoint endpoint;
  endpoint.on_process = [](VMBPACKET packet, PVOID, UINT32, UINT32) { VmbChannelPacketFail(packet); };
  endpoint.receive(1, 0);
  EXPECT_EQ(endpoint.signal_status, STATUS_INVALID_DEVICE_STATE);
  endpoint.on_process = nullptr;
  EXPECT_FALSE(endpoint.receive(2, 0));
  EXPECT_TRUE(endpoint.completions().empty());
  EXPECT_EQ(endpoint.statistics().IncomingInUse, 0u);
  EXPECT_EQ(endpoint.guest->counters().to_guest_reserved, 0u) << "its completion's room is free";
  VmbChannelDisable(endpoint.channel);
  endpoint.guest->detach();
  ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
  ASSERT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.packets.size(), 1u) << "Disable and Enable begin anew";
}

TEST(Incoming, ExternalDataIsDescribedByMdls) {
  Endpoint endpoint;
  const std::uint64_t pages[] = {70, 71, 80};
  const guest::GpaRange ranges[] = {{5000, 100, std::span(pages).first(2)}, {10, 4000, std::span(pages).last(1)}};
  endpoint.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32 flags) {
    EXPECT_EQ(flags, static_cast<UINT32>(VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA));
    PMDL mdl = nullptr;
    EXPECT_EQ(VmbChannelPacketGetExternalData(packet, 0x40, &mdl), STATUS_INVALID_PARAMETER_2);
    ASSERT_EQ(VmbChannelPacketGetExternalData(packet, VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY, &mdl),
              STATUS_SUCCESS);
    EXPECT_EQ(MmGetMdlByteCount(mdl), 5000u);
    EXPECT_EQ(MmGetMdlByteOffset(mdl), 100u);
    EXPECT_EQ(MmGetMdlPfnArray(mdl)[0], 70u);
    EXPECT_EQ(MmGetMdlPfnArray(mdl)[1], 71u);
    ASSERT_NE(mdl->Next, nullptr);
    EXPECT_EQ(MmGetMdlByteCount(mdl->Next), 10u);
    EXPECT_EQ(MmGetMdlPfnArray(mdl->Next)[0], 80u);
    EXPECT_EQ(mdl->Next->Next, nullptr);
    endpoint.packets.push_back(packet);
  };
  ASSERT_TRUE(endpoint.guest->send_external(1, {}, ranges, true));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.packets.size(), 1u);
  PMDL mdl = nullptr;
  endpoint.on_process = nullptr;
  EXPECT_EQ(VmbChannelPacketGetExternalData(endpoint.receive_one(0, 2), 0, &mdl), STATUS_INVALID_PARAMETER)
      << "it has none";
}

TEST(Incoming, PendingExternalDataIndicatesThePacketAgain) {
  Endpoint endpoint({.rings = {.external_data_pending = true}});
  const std::uint64_t page = 7;
  const guest::GpaRange range{10, 0, std::span(&page, 1)};
  std::vector<NTSTATUS> statuses;
  endpoint.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32) {
    PMDL mdl = nullptr;
    statuses.push_back(VmbChannelPacketGetExternalData(packet, 0, &mdl));
  };
  ASSERT_TRUE(endpoint.guest->send_external(1, {}, std::span(&range, 1), true));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(statuses, (std::vector<NTSTATUS>{STATUS_PENDING, STATUS_SUCCESS}));
}

TEST(Incoming, ExternalDataOverTheLimitsStopsTheQueue) {
  for (const bool chain : {false, true}) {
    Endpoint endpoint;
    VmbChannelDisable(endpoint.channel);
    endpoint.guest->detach();
    ASSERT_EQ(VmbChannelInitSetMaximumExternalData(endpoint.channel, 4096, 1), STATUS_SUCCESS);
    ASSERT_EQ(VmbChannelEnable(endpoint.channel), STATUS_SUCCESS);
    ASSERT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
    VmbChannelStart(endpoint.channel);
    const std::uint64_t pages[] = {1, 2};
    const guest::GpaRange large[] = {{4097, 0, pages}};
    const guest::GpaRange two[] = {{8, 0, std::span(pages).first(1)}, {8, 0, std::span(pages).last(1)}};
    ASSERT_TRUE(endpoint.guest->send_external(1, {}, chain ? std::span<const guest::GpaRange>(two) : large, true));
    EXPECT_EQ(endpoint.guest->signal(), STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(endpoint.statistics().IncomingInUse, 0u);
    EXPECT_EQ(endpoint.guest->counters().to_guest_reserved, 0u);
  }
}

TEST(Incoming, AThrowingProcessPacketLeavesTheChannelUsable) {
  Endpoint endpoint;
  endpoint.on_process = [](VMBPACKET, PVOID, UINT32, UINT32) { throw 1; };
  endpoint.receive(1, 0);
  EXPECT_EQ(endpoint.signal_status, STATUS_UNHANDLED_EXCEPTION);
  endpoint.on_process = nullptr;
  EXPECT_TRUE(endpoint.receive(2, 0));
  EXPECT_FALSE(save_and_end(endpoint.channel).empty());
}

TEST(Incoming, ACompletionLongerThanTheMaximumIsRefused) {
  Endpoint endpoint({.maximum_packet = 64});
  UINT8 bytes[72] = {};
  VmbChannelPacketComplete(endpoint.receive_one(), bytes, 65);
  EXPECT_EQ(endpoint.statistics().IncomingInUse, 1u);
  EXPECT_EQ(endpoint.statistics().Misuses, 1u);
  VmbChannelPacketComplete(endpoint.packets[0], bytes, 64);
  EXPECT_EQ(endpoint.completions(), std::vector<UINT64>{1});
  VmbChannelPacketComplete(endpoint.packets[0], bytes, 64);
  EXPECT_EQ(endpoint.statistics().Misuses, 2u) << "twice";
  EXPECT_TRUE(endpoint.completions().empty());
}

#if VMBSAVE_CHECK >= 2
// Only a checked build can tell: the slot is in use again.
TEST(Incoming, ACompletionAfterThePacketWasRecycledIsFoundOut) {
  Endpoint endpoint({.quota = 1});
  const VMBPACKET first = endpoint.receive_one();
  endpoint.complete(first);
  for (UINT64 id = 2; id < 5; ++id) {
    const VMBPACKET next = endpoint.receive_one(0, id);
    endpoint.completions();
    VmbChannelPacketComplete(first, nullptr, 0);
    VmbChannelPacketFail(first);
    EXPECT_EQ(endpoint.statistics().Misuses, 2 * (id - 1));
    EXPECT_EQ(endpoint.statistics().IncomingInUse, 1u) << "the packet in its place stays";
    endpoint.complete(next);
    EXPECT_EQ(endpoint.completions(), std::vector<UINT64>{id});
  }
}
#endif

// ---- outgoing
// ------------------------------------------------------------------------------------------------------------------------

TEST(Outgoing, WithWaitItEndsWithTheGuestsAnswer) {
  Endpoint endpoint;
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  ASSERT_EQ(endpoint.send(packet, "question"), STATUS_SUCCESS);
  EXPECT_EQ(VmbPacketSend(packet, nullptr, 0, nullptr, 0), STATUS_INVALID_DEVICE_STATE) << "in use";
  const auto messages = endpoint.messages();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_TRUE(endpoint.ended.empty());
  const char answer[8] = {'a', 'n', 's', 'w', 'e', 'r', '!', '!'};
  ASSERT_TRUE(endpoint.guest->complete(messages[0].first, std::as_bytes(std::span(answer))));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  ASSERT_EQ(endpoint.ended.size(), 1u);
  EXPECT_EQ(endpoint.ended[0].packet, packet);
  EXPECT_EQ(endpoint.ended[0].status, STATUS_SUCCESS);
  EXPECT_EQ(endpoint.ended[0].answer, Bytes(answer, answer + 8));
  ASSERT_TRUE(endpoint.guest->complete(messages[0].first, {}));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.ended.size(), 1u);
  EXPECT_EQ(endpoint.statistics().StrayCompletions, 1u) << "the second answer finds nothing";
  VmbPacketFree(packet);
}

TEST(Outgoing, WithoutWaitItEndsInTheRingAndMayBeSentAgainFromItsRoutine) {
  Endpoint endpoint;
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  endpoint.on_ended = [&](VMBPACKET again, NTSTATUS) {
    if (endpoint.ended.size() < 3) {
      EXPECT_EQ(endpoint.send(again, "message.", 0), STATUS_SUCCESS);
    }
  };
  ASSERT_EQ(endpoint.send(packet, "message.", 0), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.ended.size(), 3u);
  EXPECT_EQ(endpoint.messages().size(), 3u);
  EXPECT_EQ(endpoint.statistics().OutgoingInUse, 0u);
  VmbPacketFree(packet);
}

TEST(Outgoing, ItQueuesInOrderWhileTheRingIsFull) {
  Endpoint endpoint({.maximum_sends = 200, .rings = {.to_guest_pages = 2}});
  UINT64 sent = 0;
  while (endpoint.statistics().OutgoingQueued < 10) {
    const UINT64 number = sent++;
    const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
    ASSERT_EQ(VmbPacketSend(packet, const_cast<UINT64*>(&number), sizeof number, nullptr, 0), STATUS_SUCCESS);
  }
  std::vector<UINT64> numbers;
  while (numbers.size() < sent) {
    VmbChannelPause(endpoint.channel);
    VmbChannelStart(endpoint.channel);
    const auto messages = endpoint.messages();
    ASSERT_FALSE(messages.empty());
    for (const auto& [id, payload] : messages) {
      numbers.emplace_back();
      std::memcpy(&numbers.back(), payload.data(), sizeof(UINT64));
    }
    EXPECT_TRUE(numbers.size() == sent || endpoint.guest->host_work_due()) << "the host waits for the room";
    (void)endpoint.guest->signal();
  }
  for (UINT64 i = 0; i < sent; ++i) EXPECT_EQ(numbers[i], i);
  EXPECT_EQ(endpoint.statistics().OutgoingInUse, 0u);
}

// A guest that answers what it cannot have seen.
TEST(Outgoing, AnAnswerToWhatIsStillQueuedFindsNothing) {
  Endpoint endpoint({.maximum_sends = 200, .rings = {.to_guest_pages = 2}});
  VMBPACKET last = nullptr;
  while (endpoint.statistics().OutgoingQueued == 0) {
    last = VmbPacketAllocate(endpoint.channel);
    ASSERT_EQ(endpoint.send(last, "question"), STATUS_SUCCESS);
  }
  const UINT64 id = VmbsPacketGetTransactionId(last);
  ASSERT_TRUE(endpoint.guest->complete(id, {}));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.statistics().StrayCompletions, 1u);
  EXPECT_EQ(endpoint.statistics().OutgoingQueued, 1u);
  EXPECT_TRUE(endpoint.ended.empty());
  endpoint.messages();
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.messages().back().first, id) << "it is sent all the same";
  ASSERT_TRUE(endpoint.guest->complete(id, {}));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  ASSERT_EQ(endpoint.ended.size(), 1u);
  EXPECT_EQ(endpoint.ended[0].packet, last);
}

TEST(Outgoing, WhatWasAllocatedCanBeSent) {
  Endpoint endpoint({.maximum_sends = 5});
  std::vector<VMBPACKET> packets;
  for (VMBPACKET p = VmbPacketAllocate(endpoint.channel); p != nullptr; p = VmbPacketAllocate(endpoint.channel)) {
    packets.push_back(p);
  }
  ASSERT_EQ(packets.size(), 5u);
  for (const VMBPACKET packet : packets) EXPECT_EQ(endpoint.send(packet, "message."), STATUS_SUCCESS);
}

TEST(Outgoing, SendRefusesBadArguments) {
  Endpoint endpoint({.maximum_packet = 64});
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  UINT8 bytes[80] = {};
  MDL mdl{};
  EXPECT_EQ(VmbPacketSend(nullptr, bytes, 8, nullptr, 0), STATUS_INVALID_PARAMETER_1);
  EXPECT_EQ(VmbPacketSend(packet, nullptr, 8, nullptr, 0), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbPacketSend(packet, bytes, 65, nullptr, 0), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbPacketSend(packet, bytes, 8, &mdl, 0), STATUS_INVALID_PARAMETER_4);
  EXPECT_EQ(VmbPacketSend(packet, bytes, 8, nullptr, 0x100), STATUS_INVALID_PARAMETER_5);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbPacketSend(packet, bytes, 8, nullptr, 0), STATUS_DEVICE_BUSY) << "the packet stays the VSP's";
  VmbChannelSaveEnd(endpoint.channel);
  EXPECT_EQ(VmbPacketSend(packet, bytes, 8, nullptr, 0), STATUS_SUCCESS);
  const VMBPACKET incoming = endpoint.receive_one();
  EXPECT_EQ(VmbPacketSend(incoming, bytes, 8, nullptr, 0), STATUS_INVALID_DEVICE_STATE);
}

TEST(Outgoing, CallerMemoryNeedsSizeAndARoutine) {
  Endpoint endpoint;
  const UINT32 bytes = VmbChannelSizeofPacket(endpoint.channel);
  ASSERT_GT(bytes, 64u + sizeof(PVOID));
  void* const memory = std::malloc(bytes);
  const auto packet = static_cast<VMBPACKET>(memory);
  EXPECT_EQ(VmbPacketInitialize(endpoint.channel, packet, bytes - 1), STATUS_INVALID_PARAMETER_3);
  EXPECT_EQ(VmbPacketInitialize(endpoint.channel, nullptr, bytes), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbPacketInitialize(nullptr, packet, bytes), STATUS_INVALID_PARAMETER_1);
  ASSERT_EQ(VmbPacketInitialize(endpoint.channel, packet, bytes), STATUS_SUCCESS);
  EXPECT_EQ(VmbPacketGetChannel(packet), endpoint.channel);
  EXPECT_EQ(VmbPacketSend(packet, nullptr, 0, nullptr, 0), STATUS_INVALID_DEVICE_STATE) << "no routine yet";
  EXPECT_EQ(endpoint.send(packet, "message.", 0), STATUS_SUCCESS);
  ASSERT_EQ(endpoint.ended.size(), 1u);
  EXPECT_EQ(endpoint.ended[0].packet, packet);
  std::free(memory);
}

TEST(Outgoing, SendsAndAnswersOnSeveralThreadsUnderSaves) {
  Endpoint endpoint({.maximum_sends = 64});
  std::atomic<unsigned> answered = 0;
  endpoint.on_ended = [&](VMBPACKET packet, NTSTATUS status) {
    EXPECT_EQ(status, STATUS_SUCCESS);
    endpoint.ended.clear();
    VmbPacketFree(packet);
    ++answered;
  };
  constexpr unsigned kSends = 3000;
  std::atomic<bool> stop = false;
  std::thread guest([&] {
    while (!stop) {
      while (const auto packet = endpoint.guest->receive()) {
        while (!endpoint.guest->complete(packet->transaction_id, {})) (void)endpoint.guest->signal();
      }
      (void)endpoint.guest->signal();
    }
  });
  std::thread saver([&] {
    while (!stop) {
      EXPECT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
      EXPECT_EQ(save_continue(endpoint.channel), STATUS_SUCCESS);
      VmbChannelSaveEnd(endpoint.channel);
      std::this_thread::yield();
    }
  });
  for (unsigned i = 0; i < kSends;) {
    const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
    if (packet == nullptr) continue;
    const NTSTATUS status = endpoint.send(packet, "question");
    if (status == STATUS_SUCCESS) {
      ++i;
    } else {
      EXPECT_EQ(status, STATUS_DEVICE_BUSY);
      VmbPacketFree(packet);
    }
  }
  while (answered < kSends) std::this_thread::yield();
  stop = true;
  guest.join();
  saver.join();
  EXPECT_EQ(endpoint.statistics().OutgoingInUse, 0u);
}

// ---- allocated packets
// --------------------------------------------------------------------------------------------------------------

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
  VmbChannelPacketComplete(packet, nullptr, 0);
  EXPECT_EQ(endpoint.statistics().Misuses, 1u) << "not of the guest";
  VmbPacketFree(packet);
  VmbPacketFree(packet);
  EXPECT_NE(VmbPacketAllocate(endpoint.channel), VmbPacketAllocate(endpoint.channel)) << "freed twice";
}

}  // namespace
}  // namespace vmbsave::test
