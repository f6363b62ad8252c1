// Edge cases 41 to 44 of the save contract: streams and channels that do not fit together, and those that do.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

// vmbsave: what a stream needs is looked at before the first RestorePacket: places for its packets, and for queued
// payloads; room for completions as soon as there is a ring. A larger channel is as good as an equal one.
TEST(EdgeCase, N41_DestinationOfOtherSizes) {
  Endpoint source;
  source.fill(30);
  ASSERT_EQ(source.send(VmbPacketAllocate(source.channel), "in the ring"), STATUS_SUCCESS);
  const Bytes none_queued = save_and_end(source.channel);
  Endpoint queueing({.start = false, .open = false});
  ASSERT_EQ(queueing.send(VmbPacketAllocate(queueing.channel), "forty bytes of payload that are not sent"),
            STATUS_SUCCESS);
  const Bytes queued = save_and_end(queueing.channel);

  struct Case {
    const Bytes& image;
    NTSTATUS status;
    UINT32 quota = 30;
    UINT32 maximum_sends = 1;
    UINT32 maximum_packet = 40;
  };
  for (const Case& c :
       {Case{none_queued, STATUS_SUCCESS}, Case{none_queued, STATUS_SUCCESS, 4096, 256, 4096},
        Case{none_queued, STATUS_SUCCESS, 30, 1, 1}, Case{none_queued, STATUS_QUOTA_EXCEEDED, 29},
        Case{none_queued, STATUS_QUOTA_EXCEEDED, 29, 100}, Case{none_queued, STATUS_QUOTA_EXCEEDED, 1},
        Case{none_queued, STATUS_QUOTA_EXCEEDED, 30, 0}, Case{none_queued, STATUS_QUOTA_EXCEEDED, 100, 0},
        Case{queued, STATUS_SUCCESS, 1}, Case{queued, STATUS_SUCCESS, 4096, 256, 4096},
        Case{queued, STATUS_QUOTA_EXCEEDED, 30, 0}, Case{queued, STATUS_INVALID_BUFFER_SIZE, 30, 1, 39}}) {
    Endpoint destination({.start = false,
                          .open = false,
                          .quota = c.quota,
                          .maximum_sends = c.maximum_sends,
                          .maximum_packet = c.maximum_packet});
    EXPECT_EQ(restore(destination.channel, c.image), c.status)
        << c.quota << ' ' << c.maximum_sends << ' ' << c.maximum_packet;
    EXPECT_EQ(destination.restore_calls == 0, c.status != STATUS_SUCCESS);
    EXPECT_EQ(destination.is_empty(), c.status != STATUS_SUCCESS);
  }

  const guest::Guest::Options small{.to_guest_pages = 2};
  Endpoint open({.start = false, .maximum_packet = 200, .rings = small});
  EXPECT_EQ(restore(open.channel, none_queued), STATUS_QUOTA_EXCEEDED) << "no room for 30 completions of 200 bytes";
  EXPECT_TRUE(open.is_empty());
  EXPECT_EQ(open.guest->counters().to_guest_reserved, 0u);
  Endpoint closed({.start = false, .open = false, .maximum_packet = 200, .rings = small});
  EXPECT_EQ(restore(closed.channel, none_queued), STATUS_SUCCESS);
  EXPECT_EQ(closed.guest->open(closed.channel), STATUS_INSUFFICIENT_RESOURCES);
  closed.guest = guest::Guest::create({});
  EXPECT_EQ(closed.guest->open(closed.channel), STATUS_SUCCESS);
  VmbChannelStart(closed.channel);
  closed.packets.pop_back();  // the one that the VSP has sent
  closed.complete_all();
  EXPECT_EQ(closed.completions(), ids_up_to(30));
}

// vmbsave: a stream may come from anywhere. One that was cut short or changed anywhere, be it by a bit, is never
// restored and never leads to a callback; the channel can be restored afterwards.
TEST(EdgeCase, N42_DamagedStreams) {
  Endpoint source;
  source.fill(3);
  ASSERT_EQ(source.send(VmbPacketAllocate(source.channel), "in the ring"), STATUS_SUCCESS);
  const Bytes image = save_and_end(source.channel);
  ASSERT_LT(image.size(), 2048u);
  Endpoint destination({.start = false, .open = false});
  Bytes damaged = image;
  for (std::size_t at = 0; at < image.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      damaged[at] = static_cast<UINT8>(image[at] ^ (1u << bit));
      const NTSTATUS status = restore(destination.channel, damaged);
      ASSERT_FALSE(NT_SUCCESS(status)) << at << ", bit " << bit;
      ASSERT_NE(status, STATUS_MORE_PROCESSING_REQUIRED) << at << ", bit " << bit;
    }
    damaged[at] = image[at];
  }
  std::vector<std::size_t> ends = chunk_sizes(image);
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  for (std::size_t size = 0; size < image.size(); ++size) {
    Bytes cut(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size));
    cut.reserve(1);
    const bool whole_chunks = std::count(ends.begin(), ends.end(), size) != 0;
    const NTSTATUS status = VmbChannelRestoreFromBuffer(destination.channel, cut.data(), static_cast<ULONG>(size));
    ASSERT_EQ(status, whole_chunks ? STATUS_MORE_PROCESSING_REQUIRED : STATUS_INVALID_BUFFER_SIZE) << size;
    if (whole_chunks) {
      ASSERT_EQ(restore(destination.channel, image), STATUS_DATA_ERROR) << "not what comes next";
    }
  }
  source.set_options([](VMBS_SAVE_OPTIONS& options) { options.Checksum = 0; });
  EXPECT_EQ(restore(destination.channel, save_and_end(source.channel)), STATUS_CRC_ERROR) << "nothing vouches for it";
  EXPECT_EQ(destination.restore_calls, 0u);
  EXPECT_TRUE(destination.is_empty());
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(destination.restore_calls, 4u);
}

// vmbsave: each channel of a VM has a stream of its own, the same in whatever order they are asked for, and restored in
// any order.
TEST(EdgeCase, N43_ChannelsOfOneParent) {
  Parent here;
  Endpoint primary({.parent = here});
  Endpoint sub({.parent = here});
  primary.fill(30);
  for (UINT64 id = 101; id <= 105; ++id) sub.receive_one(16, id);
  std::vector<std::pair<Bytes, Bytes>> images;
  for (const bool sub_first : {false, true}) {
    Endpoint* const order[] = {sub_first ? &sub : &primary, sub_first ? &primary : &sub};
    for (Endpoint* endpoint : order) ASSERT_EQ(VmbChannelSaveBegin(endpoint->channel), STATUS_SUCCESS);
    Bytes image[2];
    for (int i = 0; i < 2; ++i) EXPECT_EQ(save_continue(order[i]->channel, &image[i]), STATUS_SUCCESS);
    VmbChannelSaveEnd(order[0]->channel);
    EXPECT_FALSE(primary.receive(98, 8)) << "the last SaveEnd ends the save";
    VmbChannelSaveEnd(order[1]->channel);
    EXPECT_EQ(primary.guest->signal(), STATUS_SUCCESS);
    primary.complete(primary.packets.back());
    images.emplace_back(image[sub_first ? 1 : 0], image[sub_first ? 0 : 1]);
  }
  EXPECT_EQ(images[0].second, images[1].second);
  for (const bool sub_first : {false, true}) {
    Parent there;
    Endpoint new_primary({.parent = there, .start = false});
    Endpoint new_sub({.parent = there, .start = false});
    const auto& [primary_image, sub_image] = images[sub_first ? 1 : 0];
    if (sub_first) {
      EXPECT_EQ(restore(new_sub.channel, sub_image), STATUS_SUCCESS);
    }
    EXPECT_EQ(restore(new_primary.channel, primary_image), STATUS_SUCCESS);
    if (!sub_first) {
      EXPECT_EQ(restore(new_sub.channel, sub_image), STATUS_SUCCESS);
    }
    EXPECT_EQ(new_primary.restored_ids, ids_up_to(30));
    EXPECT_EQ(new_sub.restored_ids, (std::vector<UINT64>{101, 102, 103, 104, 105}));
    for (Endpoint* endpoint : {&new_primary, &new_sub}) {
      VmbChannelStart(endpoint->channel);
      endpoint->complete_all();
    }
    EXPECT_EQ(new_primary.completions(), ids_up_to(30));
    EXPECT_EQ(new_sub.completions().size(), 5u);
  }
}

// Documented: with FORCE_NEW_CHANNEL the old channel is abandoned. vmbsave: its stream is taken and checked all the
// same, no packet of it is restored, and the guest issues anew what it still wants.
TEST(EdgeCase, N44_ForceNewChannel) {
  Endpoint source;
  source.fill(30);
  ASSERT_EQ(source.send(VmbPacketAllocate(source.channel), "in the ring"), STATUS_SUCCESS);
  const Bytes image = save_and_discard(source);
  Endpoint destination({.start = false, .server_flags = VMBUS_SERVER_CHANNEL_INIT_FLAG_FORCE_NEW_CHANNEL});
  Bytes damaged = image;
  damaged[image.size() / 2] ^= 1;
  EXPECT_EQ(restore(destination.channel, damaged), STATUS_CRC_ERROR);
  VmbChannelStart(destination.channel);
  EXPECT_EQ(destination.guest->signal(), STATUS_DEVICE_BUSY) << "no Start before STATUS_SUCCESS";
  const std::size_t head = chunk_sizes(image)[0];
  const auto middle = image.begin() + static_cast<std::ptrdiff_t>(head);
  EXPECT_EQ(restore(destination.channel, Bytes(image.begin(), middle)), STATUS_MORE_PROCESSING_REQUIRED);
  EXPECT_EQ(restore(destination.channel, Bytes(middle, image.end())), STATUS_SUCCESS);
  EXPECT_EQ(destination.restore_calls, 0u);
  EXPECT_TRUE(destination.is_empty());
  EXPECT_EQ(destination.guest->counters().to_guest_reserved, 0u);
  VmbChannelStart(destination.channel);
  destination.fill(30);
  destination.complete_all();
  EXPECT_EQ(destination.completions(), ids_up_to(30));
  EXPECT_TRUE(source.completions().empty());
  EXPECT_TRUE(source.ended.empty());

  Endpoint smaller({.start = false,
                    .save_restore = false,
                    .quota = 1,
                    .server_flags = VMBUS_SERVER_CHANNEL_INIT_FLAG_FORCE_NEW_CHANNEL});
  EXPECT_EQ(restore(smaller.channel, image), STATUS_SUCCESS) << "what is abandoned needs no room and no callback";
  EXPECT_TRUE(smaller.is_empty());
}

}  // namespace
}  // namespace vmbsave::test
