// Edge cases 38 to 40 of the save contract: transaction ids, completions and the order of packets, over a restore.
#include <gtest/gtest.h>

#include <algorithm>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

// The VSP sends a packet with its number as payload; its id.
UINT64 send_number(Endpoint& endpoint, unsigned number) {
  const VMBPACKET packet = VmbPacketAllocate(endpoint.channel);
  char text[32];
  (void)std::snprintf(text, sizeof text, "%031u", number);
  EXPECT_EQ(endpoint.send(packet, text), STATUS_SUCCESS);
  return VmbsPacketGetTransactionId(packet);
}

// vmbsave: an id twice, in the stream or with a packet that is in use already, fails the restore before any callback.
// The ids of packets that nobody answers mean nothing and may repeat.
TEST(EdgeCase, N38_TransactionIdTwice) {
  for (const bool answered : {false, true}) {
    Endpoint source;
    ASSERT_TRUE(source.receive(7, 8, answered));
    ASSERT_TRUE(source.receive(8, 8, answered));
    ASSERT_TRUE(source.receive(7, 8, answered));
    Endpoint destination(kPaused);
    EXPECT_EQ(restore(destination.channel, save_and_end(source.channel)),
              answered ? STATUS_OBJECT_NAME_COLLISION : STATUS_SUCCESS);
    EXPECT_EQ(destination.restore_calls, answered ? 0u : 3u);
    EXPECT_EQ(destination.is_empty(), answered);
  }

  Endpoint source;
  ASSERT_EQ(source.send(VmbPacketAllocate(source.channel), "id 1"), STATUS_SUCCESS);
  const Bytes image = save_and_end(source.channel);
  const std::size_t head = chunk_sizes(image)[0];
  for (const std::size_t before : {std::size_t{0}, head}) {  // fed before the channel sends a packet of the same id
    Endpoint destination(kPaused);
    if (before != 0) {
      EXPECT_EQ(restore(destination.channel, image, 0, before), STATUS_MORE_PROCESSING_REQUIRED);
    }
    const VMBPACKET live = VmbPacketAllocate(destination.channel);
    ASSERT_EQ(destination.send(live, "id 1 too"), STATUS_SUCCESS);
    ASSERT_EQ(VmbsPacketGetTransactionId(live), 1u);
    const NTSTATUS status = restore(destination.channel, image, before, image.size() - before);
    EXPECT_TRUE(status == STATUS_INVALID_DEVICE_STATE || status == STATUS_OBJECT_NAME_COLLISION)
        << std::hex << status << " with " << std::dec << before << " bytes fed before";
    EXPECT_EQ(destination.restore_calls, 0u);
    EXPECT_LE(destination.statistics().OutgoingInUse, 1u);
  }

  Endpoint destination(kPaused);  // sends while the stream's packet is about to be restored
  const VMBPACKET live = VmbPacketAllocate(destination.channel);
  destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    (void)destination.send(live, "id 2, if any");
    return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
  };
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(destination.restored_ids, std::vector<UINT64>{1});
  EXPECT_NE(VmbsPacketGetTransactionId(live), 1u);
}

// vmbsave: Start has no effect before RestoreFromBuffer has returned STATUS_SUCCESS, from inside RestorePacket either,
// so that a completion that waits in the ring meets its packet, with its completion routine, once.
TEST(EdgeCase, N39_CompletionsWaitInTheRing) {
  Endpoint source({.maximum_sends = 32});
  for (UINT32 i = 0; i < 25; ++i) {
    ASSERT_EQ(source.send(VmbPacketAllocate(source.channel), "question"), STATUS_SUCCESS);
  }
  for (const auto& [id, payload] : source.messages()) {
    EXPECT_TRUE(source.guest->complete(id, std::as_bytes(std::span(&id, 1))));
  }
  const Bytes image = save_and_discard(source);
  EXPECT_TRUE(source.ended.empty());

  Endpoint destination({.start = false, .open = false, .maximum_sends = 32});
  destination.take_guest_of(source);
  destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    VmbChannelStart(destination.channel);
    EXPECT_EQ(destination.changes_seen, std::vector<std::string>{"opened"});
    return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
  };
  std::size_t at = 0;
  for (const std::size_t chunk : chunk_sizes(image)) {
    EXPECT_FALSE(at != 0 && destination.starts());
    EXPECT_TRUE(destination.ended.empty());
    const bool last = at + chunk == image.size();
    EXPECT_EQ(restore(destination.channel, image, at, chunk), last ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED);
    at += chunk;
  }
  EXPECT_TRUE(destination.ended.empty());
  EXPECT_EQ(destination.packets.size(), 25u);
  EXPECT_TRUE(destination.starts());
  ASSERT_EQ(destination.ended.size(), 25u);
  for (UINT64 i = 0; i < 25; ++i) {
    EXPECT_EQ(destination.ended[i].packet, destination.packets[i]);
    EXPECT_EQ(destination.ended[i].status, STATUS_SUCCESS);
    UINT64 id = 0;
    ASSERT_EQ(destination.ended[i].answer.size(), sizeof id);
    std::memcpy(&id, destination.ended[i].answer.data(), sizeof id);
    EXPECT_EQ(id, destination.restored_ids[i]);
  }
  EXPECT_EQ(destination.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(destination.ended.size(), 25u);
  EXPECT_EQ(destination.statistics().StrayCompletions, 0u);
}

// Documented: packets that wait for room leave in the order in which they were sent. vmbsave: after a restore too,
// behind what lies in the ring, with their ids; and RestorePacket runs in order of arrival, then of sending.
TEST(EdgeCase, N40_OrderSurvives) {
  constexpr unsigned kPlaces = 150;
  Endpoint source({.maximum_sends = kPlaces, .rings = {.to_guest_pages = 2}});
  for (UINT64 id = 1; id <= 5; ++id) source.receive_one(8, id);
  source.complete(source.packets[2]);
  source.complete(source.packets[0]);
  source.receive_one(8, 6);  // take the places of 1 and 3
  source.receive_one(8, 7);
  EXPECT_EQ(source.completions(), (std::vector<UINT64>{3, 1}));
  std::vector<UINT64> ids;
  for (unsigned i = 0; i < kPlaces; ++i) ids.push_back(send_number(source, i));
  const auto first = source.guest->receive();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->transaction_id, ids[0]);
  EXPECT_TRUE(source.guest->complete(ids[0], {}));
  EXPECT_EQ(source.guest->signal(), STATUS_SUCCESS);
  ASSERT_EQ(source.ended.size(), 1u);
  VmbPacketFree(source.ended[0].packet);
  ids.erase(ids.begin());
  ids.push_back(send_number(source, kPlaces));  // takes the place of the first, and leaves last
  EXPECT_GT(source.statistics().OutgoingQueued, kPlaces / 2);
  EXPECT_LT(source.statistics().OutgoingQueued, kPlaces - 20);
  const Bytes image = save_and_discard(source);

  Endpoint destination({.start = false, .open = false, .maximum_sends = kPlaces + 1});
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  std::vector<UINT64> in_order{2, 4, 5, 6, 7};
  in_order.insert(in_order.end(), ids.begin(), ids.end());
  EXPECT_EQ(destination.restored_ids, in_order);
  destination.take_guest_of(source);
  VmbChannelStart(destination.channel);
  const UINT64 new_id = send_number(destination, kPlaces + 1);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), new_id), 0);
  ids.push_back(new_id);
  std::vector<std::pair<UINT64, Bytes>> read;
  for (auto some = destination.messages(); !some.empty(); some = destination.messages()) {
    read.insert(read.end(), some.begin(), some.end());
    EXPECT_EQ(destination.guest->signal(), STATUS_SUCCESS);
  }
  ASSERT_EQ(read.size(), ids.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].first, ids[i]);
    EXPECT_EQ(std::atoi(reinterpret_cast<const char*>(read[i].second.data())), static_cast<int>(i + 1));
  }
  for (const UINT64 id : ids) EXPECT_TRUE(destination.guest->complete(id, {}));
  EXPECT_EQ(destination.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(destination.ended.size(), ids.size()) << "each answer has found its packet";
  EXPECT_EQ(destination.statistics().StrayCompletions, 0u);
  EXPECT_EQ(destination.statistics().OutgoingInUse, 0u);
}

}  // namespace
}  // namespace vmbsave::test
