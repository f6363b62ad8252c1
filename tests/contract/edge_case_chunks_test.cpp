// Edge cases 18 to 26 of the save contract: SaveContinue and its buffers, and the order of calls.
#include <gtest/gtest.h>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

Bytes part(const Bytes& stream, std::size_t first, std::size_t bytes) {
  const auto begin = stream.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(bytes)};
}

// vmbsave: a channel without packets has a stream too, of a head and an empty directory, and it must be restored.
TEST(EdgeCase, N18_NoPacketsInUse) {
  Endpoint source;
  source.on_save = [](VMBPACKET, PVOID, UINT32, PUINT32) { return ADD_FAILURE(), STATUS_SUCCESS; };
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  const Continued c = continue_save(source.channel, 4096);
  EXPECT_EQ(c.status, STATUS_SUCCESS);
  EXPECT_GT(c.filled, 0u);
  EXPECT_EQ(c.required, 0u);
  VmbChannelSaveEnd(source.channel);
  Endpoint destination({.start = false});
  EXPECT_EQ(restore(destination.channel, part(c.buffer, 0, c.filled)), STATUS_SUCCESS);
  EXPECT_EQ(destination.restore_calls, 0u);
  VmbChannelStart(destination.channel);
  EXPECT_TRUE(destination.receive(1, 0));
}

// Documented: the library's own state travels apart from the VSP's. vmbsave: so a packet without state of the VSP's is
// saved, and RestorePacket is called for it, with SaveBufSize 0 and a pointer that is not NULL.
TEST(EdgeCase, N19_EveryPacketIsStateless) {
  Endpoint source;
  for (UINT64 id = 1; id <= 30; ++id) source.receive_one(0, id);
  const Bytes image = save_and_discard(source);
  Endpoint destination({.start = false, .open = false});
  unsigned calls = 0;
  destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    EXPECT_EQ(save_size, 0u);
    EXPECT_NE(save_buf, nullptr);
    ++calls;
    return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
  };
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(calls, 30u);
  destination.take_guest_of(source);
  VmbChannelStart(destination.channel);
  destination.complete_all();
  EXPECT_EQ(destination.completions(), ids_up_to(30));
}

// Documented: STATUS_BUFFER_TOO_SMALL and the bytes required if not one chunk fits. vmbsave: nothing was written, and
// the call may be repeated as often as the caller likes: no packet is lost, saved twice or asked again.
TEST(EdgeCase, N20_BufferSmallerThanTheNextChunk) {
  Endpoint source;
  source.fill(150);
  unsigned callbacks = 0;
  source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    ++callbacks;
    return Endpoint::plain_save(packet, buf, size, needed);
  };
  const Bytes whole = save_and_end(source.channel);
  const unsigned callbacks_of_a_save = std::exchange(callbacks, 0);
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  std::size_t at = 0;
  for (const std::size_t chunk : chunk_sizes(whole)) {
    for (const std::size_t size : {chunk - 1, chunk - 1, std::size_t{1}, chunk / 2}) {
      const Continued c = continue_save(source.channel, size);
      EXPECT_EQ(c.status, STATUS_BUFFER_TOO_SMALL);
      EXPECT_EQ(c.filled, 0u);
      EXPECT_EQ(c.required, chunk);
      EXPECT_EQ(c.buffer, Bytes(size, 0xCC));
    }
    const Continued c = continue_save(source.channel, chunk);
    EXPECT_EQ(c.buffer, part(whole, at, chunk));
    at += chunk;
  }
  VmbChannelSaveEnd(source.channel);
  EXPECT_EQ(callbacks, callbacks_of_a_save);
}

// Documented: STATUS_BUFFER_OVERFLOW if some chunks fit, with the bytes that the next call needs; exactly those must
// do.
TEST(EdgeCase, N21_SomeOfTheChunksFit) {
  Endpoint source;
  source.fill(150);
  const Bytes whole = save_and_end(source.channel);
  const std::vector<std::size_t> sizes = chunk_sizes(whole);
  ASSERT_EQ(sizes.size(), 5u) << "the channel's own, three blocks, the directory";
  std::size_t fits = 0;
  for (std::size_t k = 1; k < sizes.size(); ++k) {
    fits += sizes[k - 1];
    for (const std::size_t spare : {std::size_t{0}, std::size_t{1}, sizes[k] - 1}) {
      ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
      const Continued c = continue_save(source.channel, fits + spare);
      EXPECT_EQ(c.status, STATUS_BUFFER_OVERFLOW);
      EXPECT_EQ(c.filled, fits);
      EXPECT_EQ(c.required, sizes[k]);
      EXPECT_EQ(part(c.buffer, 0, fits), part(whole, 0, fits));
      EXPECT_EQ(part(c.buffer, fits, spare), Bytes(spare, 0xCC));
      const Continued next = continue_save(source.channel, c.required);
      EXPECT_EQ(next.filled, c.required) << "exactly what was required";
      EXPECT_EQ(next.buffer, part(whole, fits, sizes[k]));
      VmbChannelSaveEnd(source.channel);
    }
  }
}

// vmbsave: the first SaveContinue saves everything, so that what was required stays enough, whatever becomes of the
// VSP's state between the calls.
TEST(EdgeCase, N22_StateGrowsBetweenContinues) {
  Endpoint source;
  source.fill(150);
  const Bytes whole = save_and_end(source.channel);
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  Continued c = continue_save(source.channel, 0);
  ASSERT_EQ(c.status, STATUS_BUFFER_TOO_SMALL);
  for (const VMBPACKET packet : source.packets) {
    static_cast<Request*>(VmbsPacketGetClientContext(packet))->state_bytes += 5000;
  }
  Bytes image;
  while (c.status == STATUS_BUFFER_TOO_SMALL || c.status == STATUS_BUFFER_OVERFLOW) {
    c = continue_save(source.channel, c.required);
    ASSERT_EQ(c.filled, c.buffer.size()) << "exactly what was required";
    image.insert(image.end(), c.buffer.begin(), c.buffer.end());
  }
  EXPECT_EQ(c.status, STATUS_SUCCESS);
  EXPECT_EQ(image, whole);
  VmbChannelSaveEnd(source.channel);
  EXPECT_GT(save_and_end(source.channel).size(), whole.size() + std::size_t{60} * 5000);
}

// vmbsave: a buffer that the last chunk fills to the last byte is enough: there is no chunk behind it that says so.
TEST(EdgeCase, N23_LastChunkFitsExactly) {
  Endpoint source;
  source.fill(150);
  const Bytes whole = save_and_end(source.channel);
  const std::vector<std::size_t> sizes = chunk_sizes(whole);
  for (const std::size_t first : {std::size_t{0}, whole.size() - sizes.back()}) {
    ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
    if (first != 0) {
      EXPECT_EQ(continue_save(source.channel, first).status, STATUS_BUFFER_OVERFLOW);
    }
    const Continued c = continue_save(source.channel, whole.size() - first);
    EXPECT_EQ(c.status, STATUS_SUCCESS);
    EXPECT_EQ(c.filled, whole.size() - first);
    EXPECT_EQ(c.required, 0u);
    VmbChannelSaveEnd(source.channel);
  }
}

// vmbsave: NULL of size 0 asks what the next chunk needs, at any point; NULL of another size is an error.
TEST(EdgeCase, N24_NoBuffer) {
  for (const UINT32 packets : {0u, 60u}) {
    Endpoint source;
    source.fill(packets);
    const std::vector<std::size_t> sizes = chunk_sizes(save_and_end(source.channel));
    ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
    for (const std::size_t chunk : sizes) {
      const Continued c = continue_save(source.channel, 0);
      EXPECT_EQ(c.status, STATUS_BUFFER_TOO_SMALL);
      EXPECT_EQ(c.filled, 0u);
      EXPECT_EQ(c.required, chunk);
      ULONG filled = 77;
      ULONG required = 77;
      EXPECT_EQ(VmbChannelSaveContinue(source.channel, nullptr, 1 << 20, &filled, &required), STATUS_INVALID_PARAMETER);
      EXPECT_EQ(continue_save(source.channel, chunk).filled, chunk);
    }
    VmbChannelSaveEnd(source.channel);
  }
}

// Documented: SaveEnd frees what a save took. vmbsave: an unfinished save ends with it as well; packets stay in use,
// the channel goes on, and the next save starts afresh.
TEST(EdgeCase, N25_EndBeforeSuccess) {
  Endpoint source;
  source.fill(150);
  const Bytes whole = save_and_end(source.channel);
  for (const std::size_t size : {std::size_t{0}, whole.size() / 2}) {
    for (const bool continued : {false, true}) {
      ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
      if (continued) {
        EXPECT_NE(continue_save(source.channel, size).status, STATUS_SUCCESS);
      }
      EXPECT_FALSE(source.receive(99, 8)) << "stays in the ring";
      VmbChannelSaveEnd(source.channel);
      EXPECT_EQ(source.statistics().IncomingInUse, 150u);
      EXPECT_EQ(source.guest->signal(), STATUS_SUCCESS);
      ASSERT_EQ(source.packets.size(), 151u);
      source.complete(source.packets.back());
      EXPECT_EQ(source.completions(), std::vector<UINT64>{99});
      EXPECT_EQ(saved_states(save_and_end(source.channel)).size(), 150u);
    }
  }
}

// vmbsave: calls out of order are STATUS_INVALID_DEVICE_STATE and change nothing; SaveEnd without a save has no effect.
TEST(EdgeCase, N26_CallsOutOfOrder) {
  Endpoint source;
  source.fill(59);
  const auto is_refused = [&](std::size_t size) {
    const Continued c = continue_save(source.channel, size);
    EXPECT_EQ(c.filled, 0u);
    EXPECT_EQ(c.required, 0u);
    EXPECT_EQ(c.buffer, Bytes(size, 0xCC));
    return c.status == STATUS_INVALID_DEVICE_STATE;
  };
  EXPECT_TRUE(is_refused(1 << 16)) << "before SaveBegin";
  EXPECT_TRUE(is_refused(0));
  VmbChannelSaveEnd(source.channel);
  EXPECT_TRUE(source.receive(60, 8)) << "SaveEnd without a save";
  const Bytes whole = save_and_end(source.channel);

  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelSaveBegin(source.channel), STATUS_INVALID_DEVICE_STATE) << "twice";
  const Continued half = continue_save(source.channel, whole.size() / 2);
  EXPECT_EQ(VmbChannelSaveBegin(source.channel), STATUS_INVALID_DEVICE_STATE) << "in the middle";
  const Continued rest = continue_save(source.channel, whole.size());
  EXPECT_EQ(rest.status, STATUS_SUCCESS);
  EXPECT_EQ(half.filled + rest.filled, whole.size());
  EXPECT_TRUE(is_refused(1 << 16)) << "after STATUS_SUCCESS";
  EXPECT_TRUE(is_refused(0));
  EXPECT_EQ(VmbChannelSaveBegin(source.channel), STATUS_INVALID_DEVICE_STATE) << "before SaveEnd";
  VmbChannelSaveEnd(source.channel);
  VmbChannelSaveEnd(source.channel);
  EXPECT_TRUE(is_refused(1 << 16)) << "after SaveEnd";
  EXPECT_EQ(save_and_end(source.channel), whole);

  source.complete_all();
  VmbChannelDisable(source.channel);
  EXPECT_EQ(VmbChannelSaveBegin(source.channel), STATUS_INVALID_DEVICE_STATE) << "not enabled";
  EXPECT_TRUE(is_refused(1 << 16));
}

}  // namespace
}  // namespace vmbsave::test
