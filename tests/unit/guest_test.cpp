// A guest at one end of a channel, a VSP at the other, the rings between them.
#include "vmbsave/guest.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

using guest::GpaRange;
using guest::Guest;
using guest::Received;

std::span<const std::byte> bytes_of(const auto& value) { return std::as_bytes(std::span(value)); }

Bytes pattern(std::size_t length, std::uint64_t seed) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<UINT8>(seed * 31 + i * 7);
  return bytes;
}

// The next packet of the host's, with its payload copied.
struct Packet {
  Received::Kind kind;
  UINT64 id;
  Bytes payload;
};
std::optional<Packet> receive(Guest& guest) {
  const auto received = guest.receive();
  if (!received) return std::nullopt;
  const auto* first = reinterpret_cast<const UINT8*>(received->payload.data());
  return Packet{received->kind, received->transaction_id, Bytes(first, first + received->payload.size())};
}

// A VSP that keeps what it gets and answers with the request's bytes.
struct Echo {
  explicit Echo(Endpoint& e) : endpoint(e) {
    endpoint.on_process = [this](VMBPACKET packet, PVOID buffer, UINT32 length, UINT32) {
      const auto* first = static_cast<const UINT8*>(buffer);
      requests.emplace_back(first, first + length);
      endpoint.packets.push_back(packet);
    };
  }
  void answer_all() {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      VmbChannelPacketComplete(endpoint.packets[i], requests[i].data(), static_cast<UINT32>(requests[i].size()));
    }
    requests.clear();
    endpoint.packets.clear();
  }
  Endpoint& endpoint;
  std::vector<Bytes> requests;
};

TEST(Guest, RingsHaveTwoPagesOrMore) {
  EXPECT_EQ(Guest::create({.to_host_pages = 1}), nullptr);
  EXPECT_EQ(Guest::create({.to_guest_pages = 1}), nullptr);
  EXPECT_EQ(Guest::create({.to_host_pages = 0}), nullptr);
  EXPECT_EQ(Guest::create({.to_guest_pages = 65'537}), nullptr);
  const auto guest = Guest::create({.to_host_pages = 2, .to_guest_pages = 3});
  ASSERT_NE(guest, nullptr);
  EXPECT_EQ(guest->counters().to_host_free, 4096u - 8);
  EXPECT_EQ(guest->counters().to_guest_free, 2 * 4096u - 8);
  EXPECT_EQ(guest->to_host_memory().size(), 2 * 4096u);
  EXPECT_EQ(guest->to_guest_memory().size(), 3 * 4096u);
}

TEST(Guest, CallsWithoutAChannelAreRefused) {
  Endpoint endpoint;
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_INVALID_DEVICE_STATE) << "open already";
  EXPECT_TRUE(endpoint.receive(1, 0)) << "and still";
  endpoint.complete_all();
  EXPECT_EQ(endpoint.guest->close(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.guest->close(), STATUS_INVALID_DEVICE_STATE);
  std::uint32_t processed = 77;
  EXPECT_EQ(endpoint.guest->signal(0, &processed), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(processed, 0u);
  EXPECT_EQ(endpoint.guest->open(nullptr), STATUS_INVALID_PARAMETER_1);
  endpoint.open_status = STATUS_UNSUCCESSFUL;
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_UNSUCCESSFUL);
  endpoint.open_status = STATUS_SUCCESS;
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS) << "a failed open leaves it closed";
}

TEST(Guest, SendsManyAndSignalsOnce) {
  Endpoint endpoint;
  Echo vsp(endpoint);
  endpoint.guest->signal();
  const UINT64 signals = endpoint.guest->counters().host_signals;
  for (UINT64 id = 1; id <= 20; ++id) ASSERT_TRUE(endpoint.guest->send(id, bytes_of(pattern(id * 3, id)), true));
  EXPECT_EQ(endpoint.guest->counters().host_signals, signals + 1) << "the first packet";
  EXPECT_TRUE(vsp.requests.empty()) << "nothing happens by itself";
  std::uint32_t processed = 0;
  EXPECT_EQ(endpoint.guest->signal(0, &processed), STATUS_SUCCESS);
  EXPECT_EQ(processed, 20u);
  EXPECT_EQ(endpoint.batches, std::vector<UINT32>{20});
  ASSERT_EQ(vsp.requests.size(), 20u);
  for (UINT64 id = 1; id <= 20; ++id) {
    Bytes expected = pattern(id * 3, id);
    expected.resize((id * 3 + 7) / 8 * 8);
    EXPECT_EQ(vsp.requests[id - 1], expected);
    EXPECT_EQ(VmbsPacketGetTransactionId(endpoint.packets[id - 1]), id);
  }
}

TEST(Guest, CompletionsComeBackInTheOrderOfTheVsp) {
  Endpoint endpoint;
  endpoint.fill(3);
  const auto packets = std::exchange(endpoint.packets, {});
  EXPECT_FALSE(endpoint.guest->receive());
  for (const std::size_t i : {1u, 2u, 0u}) {
    const Bytes result = pattern(20, i);
    VmbChannelPacketComplete(packets[i], const_cast<UINT8*>(result.data()), 20);
  }
  for (const std::size_t i : {1u, 2u, 0u}) {
    const auto packet = receive(*endpoint.guest);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->kind, Received::Kind::kCompletion);
    EXPECT_EQ(packet->id, i + 1);
    Bytes expected = pattern(20, i);
    expected.resize(24);
    EXPECT_EQ(packet->payload, expected);
  }
  EXPECT_FALSE(endpoint.guest->receive());
  EXPECT_FALSE(endpoint.guest->malformed());
  EXPECT_EQ(endpoint.guest->counters().to_guest_reserved, 0u);
}

TEST(Guest, PacketsWithoutCompletionSetNothingAside) {
  Endpoint endpoint;
  ASSERT_TRUE(endpoint.receive(1, 0, false));
  EXPECT_EQ(endpoint.guest->counters().to_guest_reserved, 0u);
  ASSERT_TRUE(endpoint.receive(2, 0, true));
  EXPECT_EQ(endpoint.guest->counters().to_guest_reserved, 16u + 64 + 8);
  endpoint.complete_all();
  EXPECT_EQ(endpoint.completions(), std::vector<UINT64>{2});
}

TEST(Guest, ExternalDataReachesTheVspAsMdls) {
  Endpoint endpoint;
  const UINT64 pages[] = {0x1001, 0x1002, 0x77, 0x9};
  const GpaRange ranges[] = {{5000, 0x200, std::span(pages).first(2)}, {8192, 0, std::span(pages).last(2)}};
  const Bytes payload = pattern(64, 1);
  unsigned seen = 0;
  endpoint.on_process = [&](VMBPACKET packet, PVOID buffer, UINT32 length, UINT32 flags) {
    EXPECT_EQ(flags, UINT32{VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA});
    EXPECT_EQ(length, 64u);
    EXPECT_EQ(std::memcmp(buffer, payload.data(), length), 0);
    PMDL mdl = nullptr;
    ASSERT_EQ(VmbChannelPacketGetExternalData(packet, 0, &mdl), STATUS_SUCCESS);
    for (const GpaRange& range : ranges) {
      ASSERT_NE(mdl, nullptr);
      EXPECT_EQ(MmGetMdlByteCount(mdl), range.byte_count);
      EXPECT_EQ(MmGetMdlByteOffset(mdl), range.byte_offset);
      for (std::size_t i = 0; i < range.page_numbers.size(); ++i) {
        EXPECT_EQ(MmGetMdlPfnArray(mdl)[i], range.page_numbers[i]);
      }
      mdl = mdl->Next;
    }
    EXPECT_EQ(mdl, nullptr);
    ++seen;
    endpoint.packets.push_back(packet);
  };
  ASSERT_TRUE(endpoint.guest->send_external(1, bytes_of(payload), ranges, true));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(seen, 1u);
  endpoint.complete_all();
  EXPECT_EQ(endpoint.completions(), std::vector<UINT64>{1});
}

TEST(Guest, ExternalDataMayHaveToBePagedIn) {
  Endpoint endpoint({.rings = {.external_data_pending = true}});
  const UINT64 pages[] = {1};
  const GpaRange range{4096, 0, pages};
  std::vector<NTSTATUS> statuses;
  endpoint.on_process = [&](VMBPACKET packet, PVOID, UINT32, UINT32) {
    PMDL mdl = nullptr;
    statuses.push_back(VmbChannelPacketGetExternalData(packet, 0, &mdl));
    if (statuses.back() == STATUS_SUCCESS) VmbChannelPacketComplete(packet, nullptr, 0);
  };
  ASSERT_TRUE(endpoint.guest->send_external(1, {}, {&range, 1}, true));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(statuses, (std::vector<NTSTATUS>{STATUS_PENDING, STATUS_SUCCESS}));
  EXPECT_EQ(endpoint.completions(), std::vector<UINT64>{1});
}

TEST(Guest, RangesThatAreNoneAreNotSent) {
  const auto guest = Guest::create({});
  const UINT64 pages[] = {1, 2};
  const GpaRange wrong[] = {{0, 0, {}},          {4096, 0, pages}, {4097, 0, std::span(pages).first(1)},
                            {4096, 4096, pages}, {2, 4095, {}},    {4096, 1, std::span(pages).first(1)}};
  for (const GpaRange& range : wrong) EXPECT_FALSE(guest->send_external(1, {}, {&range, 1}, true));
  EXPECT_FALSE(guest->send_external(1, {}, {}, true));
  EXPECT_EQ(guest->counters().to_host_free, guest->to_host_memory().size() - 4096 - 8);
  const GpaRange right{2, 4095, pages};
  EXPECT_TRUE(guest->send_external(1, {}, {&right, 1}, true));
}

TEST(Guest, PacketLongerThanTheRingIsRefusedForGood) {
  Endpoint endpoint({.rings = {.to_host_pages = 2}});
  EXPECT_FALSE(endpoint.guest->send(1, bytes_of(Bytes(4096 - 8 - 24 + 1)), true));
  EXPECT_TRUE(endpoint.guest->send(1, bytes_of(Bytes(4096 - 8 - 24)), false));
  EXPECT_EQ(endpoint.guest->counters().to_host_free, 0u);
}

TEST(Guest, FullRingToTheHostInterruptsWhenThereIsRoom) {
  Endpoint endpoint({.rings = {.to_host_pages = 2}});
  Echo vsp(endpoint);
  unsigned interrupts = 0;
  endpoint.guest->on_interrupt([&] { ++interrupts; });
  UINT64 id = 0;
  while (endpoint.guest->send(id, bytes_of(Bytes(488)), false)) ++id;
  EXPECT_EQ(id, 7u);
  EXPECT_EQ(endpoint.guest->signal(1), STATUS_MORE_ENTRIES);
  EXPECT_EQ(interrupts, 1u) << "now one more fits";
  EXPECT_TRUE(endpoint.guest->send(id, bytes_of(Bytes(488)), false));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(interrupts, 1u) << "nobody waits";
  EXPECT_EQ(vsp.requests.size(), 8u);
}

// Room for two completions of 64 bytes; a third packet waits until the guest has read one.
TEST(Guest, FullRingToTheGuestLeavesPacketsInTheRingToTheHost) {
  Endpoint endpoint({.maximum_packet = 2000, .rings = {.to_guest_pages = 2}});
  Echo vsp(endpoint);
  unsigned host_work = 0;
  endpoint.guest->on_host_work([&] { ++host_work; });
  for (UINT64 id = 1; id <= 4; ++id) ASSERT_TRUE(endpoint.guest->send(id, bytes_of(pattern(2000, id)), true));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(vsp.requests.size(), 2u);
  EXPECT_EQ(endpoint.guest->counters().to_guest_reserved, 2u * 2024);
  EXPECT_FALSE(endpoint.guest->host_work_due());
  const unsigned before = host_work;
  vsp.answer_all();
  EXPECT_EQ(endpoint.guest->counters().to_guest_reserved, 0u);
  EXPECT_EQ(host_work, before) << "what was set aside is used: there is no room yet";
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INSUFFICIENT_RESOURCES);
  const auto first = receive(*endpoint.guest);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->payload, pattern(2000, 1));
  EXPECT_EQ(host_work, before + 1);
  EXPECT_TRUE(endpoint.guest->host_work_due());
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(vsp.requests.size(), 1u);
  vsp.answer_all();
  EXPECT_EQ(endpoint.completions(), (std::vector<UINT64>{2, 3}));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  vsp.answer_all();
  EXPECT_EQ(endpoint.completions(), std::vector<UINT64>{4});
  EXPECT_EQ(endpoint.statistics().RoomStops, 3u);
}

// Completions are set aside for the longest; what they do not use is room for the next packet, without the guest.
TEST(Guest, ShortCompletionsMakeRoomByThemselves) {
  Endpoint endpoint({.maximum_packet = 2000, .rings = {.to_guest_pages = 2}});
  for (UINT64 id = 1; id <= 3; ++id) {
    const Request request{0, 0};
    ASSERT_TRUE(endpoint.guest->send(id, std::as_bytes(std::span(&request, 1)), true));
  }
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_FALSE(endpoint.guest->host_work_due());
  endpoint.complete(endpoint.packets.front());
  EXPECT_TRUE(endpoint.guest->host_work_due());
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  endpoint.complete_all();
  EXPECT_EQ(endpoint.completions(), ids_up_to(3));
}

// Room that a failed packet gives back, too, without the guest.
TEST(Guest, FailedPacketMakesRoomForAQueuedSend) {
  Endpoint endpoint({.maximum_packet = 2000, .rings = {.to_guest_pages = 2}});
  ASSERT_TRUE(endpoint.receive(1, 0));
  Bytes payload(2000);
  for (int i = 0; i < 2; ++i) {
    const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
    ASSERT_EQ(VmbPacketSend(packet, payload.data(), 2000, nullptr, 0), STATUS_SUCCESS);
  }
  EXPECT_EQ(endpoint.statistics().OutgoingQueued, 1u);
  endpoint.guest->signal();
  EXPECT_FALSE(endpoint.guest->host_work_due());
  VmbChannelPacketFail(std::exchange(endpoint.packets, {}).front());
  EXPECT_TRUE(endpoint.guest->host_work_due());
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INVALID_DEVICE_STATE) << "the incoming queue is stopped for good";
  EXPECT_EQ(endpoint.statistics().OutgoingQueued, 0u);
  EXPECT_EQ(endpoint.messages().size(), 2u);
}

TEST(Guest, OneSignalToTheHostStandsUntilItIsTaken) {
  Endpoint endpoint;
  unsigned host_work = 0;
  endpoint.guest->on_host_work([&] { ++host_work; });
  endpoint.guest->signal();
  ASSERT_TRUE(endpoint.guest->send(1, {}, false));
  EXPECT_EQ(host_work, 1u);
  VmbChannelPause(endpoint.channel);
  VmbChannelStart(endpoint.channel);
  EXPECT_EQ(host_work, 1u);
  Echo vsp(endpoint);
  endpoint.guest->signal();
  EXPECT_EQ(vsp.requests.size(), 1u);
  ASSERT_TRUE(endpoint.guest->send(2, {}, false));
  EXPECT_EQ(host_work, 2u);
}

TEST(Guest, HostsSendsKeepTheirOrderThroughAFullRing) {
  Endpoint endpoint({.maximum_sends = 100, .maximum_packet = 480, .rings = {.to_guest_pages = 2}});
  std::vector<Bytes> sent;
  for (UINT64 i = 0; i < 40; ++i) {
    const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
    ASSERT_NE(packet, nullptr);
    sent.push_back(pattern(i % 4 == 0 ? 480 : 8, i));  // a short one behind a long one must not overtake it
    ASSERT_EQ(VmbPacketSend(packet, sent.back().data(), static_cast<UINT32>(sent.back().size()), nullptr, 0),
              STATUS_SUCCESS);
  }
  EXPECT_GT(endpoint.statistics().OutgoingQueued, 0u);
  std::vector<Bytes> received;
  for (;;) {
    if (const auto packet = receive(*endpoint.guest)) {
      EXPECT_EQ(packet->kind, Received::Kind::kData);
      received.push_back(packet->payload);
    } else if (endpoint.guest->host_work_due()) {
      endpoint.guest->signal();
    } else {
      break;
    }
  }
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(endpoint.is_empty());
}

TEST(Guest, AnswersTheHostsPackets) {
  Endpoint endpoint;
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  ASSERT_EQ(endpoint.send(packet, "question"), STATUS_SUCCESS);
  const auto received = endpoint.guest->receive();
  ASSERT_TRUE(received);
  EXPECT_TRUE(received->completion_requested);
  EXPECT_EQ(received->kind, Received::Kind::kData);
  EXPECT_EQ(std::memcmp(received->payload.data(), "question", 8), 0);
  const Bytes answer = pattern(16, 4);
  EXPECT_TRUE(endpoint.guest->complete(received->transaction_id, bytes_of(answer)));
  EXPECT_TRUE(endpoint.ended.empty());
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  ASSERT_EQ(endpoint.ended.size(), 1u);
  EXPECT_EQ(endpoint.ended[0].status, STATUS_SUCCESS);
  EXPECT_EQ(endpoint.ended[0].answer, answer);
  EXPECT_TRUE(endpoint.guest->complete(12345, {}));
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.statistics().StrayCompletions, 1u);
  VmbPacketFree(packet);
}

TEST(Guest, InterruptsOnceUntilItHasFoundTheRingEmpty) {
  Endpoint endpoint;
  endpoint.fill(4);
  EXPECT_EQ(endpoint.guest->counters().interrupts, 0u);
  endpoint.complete(endpoint.packets.front());
  endpoint.complete(endpoint.packets.front());
  EXPECT_EQ(endpoint.guest->counters().interrupts, 1u);
  ASSERT_TRUE(endpoint.guest->receive());
  ASSERT_TRUE(endpoint.guest->receive());
  endpoint.complete(endpoint.packets.front());
  EXPECT_EQ(endpoint.guest->counters().interrupts, 1u) << "it still looks by itself";
  ASSERT_TRUE(endpoint.guest->receive());
  EXPECT_FALSE(endpoint.guest->receive());
  endpoint.complete(endpoint.packets.front());
  EXPECT_EQ(endpoint.guest->counters().interrupts, 2u);
}

TEST(Guest, MaximumPacketsLeavesTheRest) {
  Endpoint endpoint;
  Echo vsp(endpoint);
  for (UINT64 id = 1; id <= 5; ++id) ASSERT_TRUE(endpoint.guest->send(id, {}, true));
  std::uint32_t processed = 0;
  EXPECT_EQ(endpoint.guest->signal(2, &processed), STATUS_MORE_ENTRIES);
  EXPECT_EQ(processed, 2u);
  EXPECT_TRUE(endpoint.guest->host_work_due());
  EXPECT_EQ(endpoint.guest->signal(3, &processed), STATUS_SUCCESS);
  EXPECT_EQ(processed, 3u);
  EXPECT_FALSE(endpoint.guest->host_work_due());
}

TEST(Guest, ClosedAndOpenedAgainItKeepsItsRings) {
  Endpoint endpoint;
  endpoint.fill(2);
  endpoint.complete_all();
  const Request request{0, 0};
  ASSERT_TRUE(endpoint.guest->send(3, std::as_bytes(std::span(&request, 1)), true));
  EXPECT_EQ(endpoint.guest->close(), STATUS_SUCCESS);
  ASSERT_TRUE(endpoint.guest->send(4, std::as_bytes(std::span(&request, 1)), true));
  EXPECT_TRUE(endpoint.packets.empty());
  EXPECT_EQ(endpoint.guest->open(endpoint.channel), STATUS_SUCCESS);
  EXPECT_TRUE(endpoint.guest->host_work_due()) << "there are packets";
  EXPECT_EQ(endpoint.guest->signal(), STATUS_SUCCESS);
  endpoint.complete_all();
  EXPECT_EQ(endpoint.completions(), ids_up_to(4));
}

TEST(Guest, GoesOnWithTheChannelThatWasRestored) {
  Endpoint source({.rings = {.to_host_pages = 3, .to_guest_pages = 3}});
  source.fill(6);
  source.complete(source.packets[0]);  // unread by the guest
  source.complete(source.packets[0]);
  const Request request{0, 0};
  const Bytes image = save(source.channel);
  ASSERT_TRUE(source.guest->send(7, std::as_bytes(std::span(&request, 1)), true));  // unread by the host
  EXPECT_EQ(source.guest->signal(), STATUS_DEVICE_BUSY);
  source.complete(source.packets[0]);  // after the cut: the destination's
  VmbChannelDisable(source.channel);
  VmbChannelSaveEnd(source.channel);
  EXPECT_EQ(source.guest->counters().to_guest_reserved, 4u * 88);

  Endpoint destination({.start = false, .open = false});
  ASSERT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  destination.take_guest_of(source);
  EXPECT_EQ(destination.guest->counters().to_guest_reserved, 4u * 88);
  VmbChannelStart(destination.channel);
  EXPECT_TRUE(destination.guest->host_work_due());
  EXPECT_EQ(destination.guest->signal(), STATUS_SUCCESS);
  ASSERT_EQ(destination.packets.size(), 5u);
  destination.complete_all();
  EXPECT_EQ(destination.completions(), ids_up_to(7));
  EXPECT_EQ(destination.guest->counters().to_guest_reserved, 0u);
}

TEST(Guest, DetachGivesBackWhatWasSetAside) {
  Endpoint endpoint;
  endpoint.fill(3);
  EXPECT_NE(endpoint.guest->counters().to_guest_reserved, 0u);
  VmbChannelCleanup(std::exchange(endpoint.channel, nullptr));
  endpoint.guest->detach();
  EXPECT_EQ(endpoint.guest->counters().to_guest_reserved, 0u);
  endpoint.guest->detach();
}

}  // namespace
}  // namespace vmbsave::test
