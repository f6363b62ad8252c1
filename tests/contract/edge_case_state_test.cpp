// Edge cases 8 to 17 of the save contract: what SavePacket's second call writes, and what is kept of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

constexpr UINT32 kAsked = 100;

// The state that is kept of a packet whose SavePacket asks for kAsked bytes, writes 0xAB to all of them, and does
// `second` to *BytesNeeded.
Bytes kept(const std::function<void(PUINT32 needed)>& second) {
  Endpoint source;
  source.receive_one();
  source.on_save = [&](VMBPACKET, PVOID buf, UINT32 size, PUINT32 needed) {
    if (size == 0) {
      *needed = kAsked;
      return STATUS_BUFFER_TOO_SMALL;
    }
    std::memset(buf, 0xAB, size);
    second(needed);
    return STATUS_SUCCESS;
  };
  const std::vector<Bytes> states = saved_states(save_and_end(source.channel));
  EXPECT_EQ(states.size(), 1u);
  return states.empty() ? Bytes{} : states[0];
}

// vmbsave: a second call that leaves *BytesNeeded alone has written what the first asked for.
TEST(EdgeCase, N08_SecondCallLeavesBytesNeededAlone) {
  EXPECT_EQ(kept([](PUINT32) {}), Bytes(kAsked, 0xAB));
  EXPECT_EQ(kept([](PUINT32 needed) { *needed = kAsked; }), Bytes(kAsked, 0xAB));
}

// vmbsave: a state that shrank is kept at its new size.
TEST(EdgeCase, N09_SecondCallWritesLess) {
  for (const UINT32 size : {1u, 15u, 16u, 17u, kAsked - 1}) {
    EXPECT_EQ(kept([&](PUINT32 needed) { *needed = size; }), Bytes(size, 0xAB)) << size;
  }
}

// vmbsave: a success that claims more than the buffer holds is not believed: what the first call asked for is kept.
TEST(EdgeCase, N10_SecondCallClaimsMoreThanItsBuffer) {
  for (const UINT32 claim : {kAsked + 1, kAsked + 16, 0x80000000u, 0xFFFFFFFEu, 0xFFFFFFFFu}) {
    EXPECT_EQ(kept([&](PUINT32 needed) { *needed = claim; }), Bytes(kAsked, 0xAB)) << claim;
  }
}

// vmbsave: a state that vanished is like none: RestorePacket runs, with SaveBufSize 0.
TEST(EdgeCase, N11_StateVanishes) {
  EXPECT_EQ(kept([](PUINT32 needed) { *needed = 0; }), Bytes{});
}

// Documented are two calls and no third. vmbsave: a state that grew between them fails the save, unless GrowthRetries
// allows to place and save anew; what grows for ever fails when they are used up.
TEST(EdgeCase, N12_StateGrowsBetweenTheCalls) {
  constexpr UINT32 kGrown = 5000;
  for (const NTSTATUS refusal : {STATUS_BUFFER_TOO_SMALL, STATUS_BUFFER_OVERFLOW, STATUS_UNSUCCESSFUL}) {
    const NTSTATUS failure = refusal == STATUS_UNSUCCESSFUL ? refusal : STATUS_INVALID_BUFFER_SIZE;
    Endpoint source;
    source.fill(30);
    unsigned grown_calls = 0;
    const auto grows = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      if (VmbsPacketGetTransactionId(packet) != 25 || size == 0) {
        return Endpoint::plain_save(packet, buf, size, needed);
      }
      ++grown_calls;
      *needed = kGrown;
      if (size < kGrown) return refusal;
      std::memset(buf, 0xCD, kGrown);
      return STATUS_SUCCESS;
    };
    source.on_save = grows;
    ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
    EXPECT_EQ(save_continue(source.channel), failure);
    VmbChannelSaveEnd(source.channel);
    EXPECT_EQ(grown_calls, 1u);

    source.set_options([](VMBS_SAVE_OPTIONS& options) { options.GrowthRetries = 1; });
    const std::vector<Bytes> states = saved_states(save_and_end(source.channel, 8192));
    ASSERT_EQ(states.size(), 30u);
    for (UINT32 id = 1; id <= 30; ++id) {
      EXPECT_EQ(states[id - 1], id == 25 ? Bytes(kGrown, 0xCD) : Bytes(id * 29 % 200, static_cast<UINT8>(id))) << id;
    }
    EXPECT_EQ(grown_calls, 3u);
    EXPECT_EQ(source.save_statistics().GrowthRetries, 1u);

    source.set_options([](VMBS_SAVE_OPTIONS& options) { options.GrowthRetries = 3; });
    unsigned calls = 0;
    source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      if (VmbsPacketGetTransactionId(packet) != 25) return Endpoint::plain_save(packet, buf, size, needed);
      ++calls;
      *needed = size + 8;
      return refusal;
    };
    ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
    EXPECT_EQ(save_continue(source.channel), failure);
    VmbChannelSaveEnd(source.channel);
    EXPECT_EQ(calls, 1u + 1u + 3u) << "first, second, and three retries";
    source.on_save = nullptr;
    EXPECT_EQ(saved_states(save_and_end(source.channel)).size(), 30u) << "nothing was lost";
  }
}

// vmbsave: a failing second call ends the save with its status. Nothing is handed out, every packet stays in use, the
// channel goes on, and the next save works.
TEST(EdgeCase, N13_SecondCallFails) {
  const auto failure = static_cast<NTSTATUS>(0xE00A0002u);
  Endpoint source;
  source.fill(30);
  source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    const NTSTATUS status = Endpoint::plain_save(packet, buf, size, needed);
    return size != 0 && VmbsPacketGetTransactionId(packet) == 17 ? failure : status;
  };
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  for (int again = 0; again < 2; ++again) {
    const Continued c = continue_save(source.channel, 1 << 16);
    EXPECT_EQ(c.status, failure);
    EXPECT_EQ(c.filled, 0u);
    EXPECT_EQ(c.required, 0u);
    EXPECT_EQ(c.buffer, Bytes(1 << 16, 0xCC));
  }
  EXPECT_EQ(source.save_statistics().FailureStatus, failure);
  EXPECT_EQ(source.save_statistics().FailureTransactionId, 17u);
  source.complete(source.packets[16]);
  EXPECT_TRUE(source.completions().empty());
  VmbChannelSaveEnd(source.channel);
  EXPECT_EQ(source.completions(), std::vector<UINT64>{17});
  EXPECT_EQ(source.statistics().IncomingInUse, 29u);
  EXPECT_TRUE(source.receive(31, 8));
  source.on_save = nullptr;
  EXPECT_EQ(saved_states(save_and_end(source.channel)).size(), 30u);
}

// Documented: the buffer has at least what was asked for. vmbsave: as a rule exactly that, and after a retry maybe
// more; kept is what the VSP says that it wrote, not what there was room for.
TEST(EdgeCase, N14_BufferMayBeLargerThanTheState) {
  Endpoint source;
  source.receive_one(100, 1);
  source.receive_one(50, 2);
  source.set_options([](VMBS_SAVE_OPTIONS& options) { options.GrowthRetries = 1; });
  std::vector<std::pair<UINT64, UINT32>> second_calls;
  bool settled = false;
  source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    const UINT64 id = VmbsPacketGetTransactionId(packet);
    if (size == 0) return Endpoint::plain_save(packet, buf, size, needed);
    second_calls.emplace_back(id, size);
    if (id == 2 && !std::exchange(settled, true)) {
      *needed = 300;  // less, when it is asked again
      return STATUS_BUFFER_TOO_SMALL;
    }
    *needed = id == 1 && !settled ? 100 : 40;
    std::memset(buf, static_cast<int>(id), *needed);
    return STATUS_SUCCESS;
  };
  const std::vector<Bytes> states = saved_states(save_and_end(source.channel));
  EXPECT_EQ(second_calls, (std::vector<std::pair<UINT64, UINT32>>{{1, 100}, {2, 50}, {1, 100}, {2, 300}}));
  EXPECT_EQ(states, (std::vector<Bytes>{Bytes(40, 1), Bytes(40, 2)}));
}

// The documentation's annotations forbid NULL. vmbsave: SaveBuf is never NULL and 16-byte aligned in both calls and at
// restore, like LibBuf, wherever the caller's buffer lies.
TEST(EdgeCase, N15_BuffersAreThereAndAligned) {
  const auto is_aligned = [](const void* at) { return at != nullptr && reinterpret_cast<uintptr_t>(at) % 16 == 0; };
  Endpoint source;
  for (UINT32 i = 0; i < 40; ++i) source.receive_one(i, i + 1);
  source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    EXPECT_TRUE(is_aligned(buf)) << size;
    return Endpoint::plain_save(packet, buf, size, needed);
  };
  const Bytes image = save_and_end(source.channel);
  std::vector<std::max_align_t> room(image.size() / sizeof(std::max_align_t) + 3);
  for (std::size_t shift = 0; shift < 17; ++shift) {
    Endpoint destination({.start = false, .open = false});
    destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
      EXPECT_TRUE(is_aligned(lib_buf)) << shift;
      EXPECT_TRUE(is_aligned(save_buf)) << shift << ", state of " << save_size;
      return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
    };
    auto* const at = reinterpret_cast<UINT8*>(room.data()) + shift;
    std::memcpy(at, image.data(), image.size());
    EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, at, static_cast<ULONG>(image.size())), STATUS_SUCCESS);
    EXPECT_EQ(destination.packets.size(), 40u);
  }
}

// vmbsave: what a VSP writes behind its buffer fails the save in a checked build, where each second call has a guarded
// buffer of its own. In others it does not stay as long as it ends before the chunk does: the next record, or zeroes,
// are written over it.
TEST(EdgeCase, N16_WritesBehindTheBuffer) {
  Endpoint source;
  for (UINT32 i = 1; i <= 25; ++i) source.receive_one(90 + i, i);
  const Bytes image = save_and_end(source.channel);
  source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    const NTSTATUS status = Endpoint::plain_save(packet, buf, size, needed);
    if (size != 0) std::memset(static_cast<UINT8*>(buf) + size, 0xEE, 1 + (16 - size % 16) % 16);
    return status;
  };
#if VMBSAVE_CHECK >= 2
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  EXPECT_EQ(save_continue(source.channel), STATUS_INVALID_DEVICE_REQUEST);
  VmbChannelSaveEnd(source.channel);
  source.on_save = nullptr;
#endif
  EXPECT_EQ(save_and_end(source.channel), image);
}

// vmbsave: the second call's buffer is zeroed, and behind the state there are zeroes in the image: nothing leaks into
// it, and the same packets give the same bytes.
TEST(EdgeCase, N17_NothingStaleGetsIntoTheImage) {
  Endpoint source;
  source.fill(40);
  const auto dirty = [&] {  // all of the memory that images are made in
    source.on_save = [](VMBPACKET, PVOID buf, UINT32 size, PUINT32 needed) {
      *needed = 4000;
      if (size == 0) return STATUS_BUFFER_TOO_SMALL;
      std::memset(buf, 0xEE, size);
      return STATUS_SUCCESS;
    };
    save_and_end(source.channel);
  };
  const auto image_with = [&](bool scribble, UINT32 claim) {
    dirty();
    source.on_save = [=](VMBPACKET, PVOID buf, UINT32 size, PUINT32 needed) {
      if (size == 0) {
        *needed = 75;
        return STATUS_BUFFER_TOO_SMALL;
      }
      const auto* first = static_cast<const UINT8*>(buf);
      EXPECT_TRUE(std::all_of(first, first + size, [](UINT8 byte) { return byte == 0; }));
      if (scribble) std::memset(buf, 0x77, size);
      std::memset(buf, 0x11, 10);
      if (claim != 0) *needed = claim;
      return STATUS_SUCCESS;
    };
    return save_and_end(source.channel);
  };
  const Bytes partly_written = image_with(false, 0);
  EXPECT_EQ(image_with(false, 0), partly_written);
  Bytes expected(10, 0x11);
  expected.resize(75);
  EXPECT_EQ(saved_states(partly_written), std::vector<Bytes>(40, expected));
  EXPECT_EQ(image_with(true, 10), image_with(false, 10)) << "what lies behind the state";
}

}  // namespace
}  // namespace vmbsave::test
