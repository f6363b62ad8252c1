// Edge cases 1 to 7 of the save contract: what SavePacket's first call may say.
#include <gtest/gtest.h>

#include <map>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

constexpr UINT32 kLargestState = 64u << 20;

constexpr NTSTATUS status_of(UINT32 value) { return static_cast<NTSTATUS>(value); }

// How a save ends whose SavePacket is this one; the channel must still work afterwards.
NTSTATUS outcome(Endpoint& source, std::function<NTSTATUS(UINT32 size, PUINT32 needed)> save_packet) {
  source.on_save = [&](VMBPACKET, PVOID, UINT32 size, PUINT32 needed) { return save_packet(size, needed); };
  EXPECT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  const NTSTATUS status = save_continue(source.channel);
  VmbChannelSaveEnd(source.channel);
  source.on_save = nullptr;
  EXPECT_EQ(saved_states(save_and_end(source.channel)).size(), source.packets.size());
  return status;
}

// Documented: no state of the VSP's, and no second call. vmbsave: the packet is saved, *BytesNeeded is not looked at.
TEST(EdgeCase, N01_FirstCallSucceeds) {
  Endpoint source;
  source.receive_one();
  unsigned calls = 0;
  source.on_save = [&](VMBPACKET, PVOID, UINT32 size, PUINT32 needed) -> NTSTATUS {
    ++calls;
    EXPECT_EQ(size, 0u);
    *needed = 500;
    return STATUS_SUCCESS;
  };
  EXPECT_EQ(saved_states(save_and_end(source.channel)), std::vector<Bytes>(1));
  EXPECT_EQ(calls, 1u);
}

// vmbsave: success is what NT_SUCCESS says, so that informational codes are one, in either call.
TEST(EdgeCase, N02_InformationalCodesAreSuccess) {
  for (const UINT32 code : {0x00000001u, 0x00000080u, 0x40000000u, 0x7FFFFFFFu}) {
    Endpoint source;
    source.receive_one();
    unsigned calls = 0;
    source.on_save = [&](VMBPACKET, PVOID, UINT32, PUINT32 needed) {
      *needed = 8;
      return ++calls, status_of(code);
    };
    EXPECT_EQ(saved_states(save_and_end(source.channel)), std::vector<Bytes>(1)) << std::hex << code;
    EXPECT_EQ(calls, 1u) << std::hex << code;

    source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      const NTSTATUS status = Endpoint::plain_save(packet, buf, size, needed);
      return size == 0 ? status : status_of(code);
    };
    EXPECT_EQ(saved_states(save_and_end(source.channel)), std::vector<Bytes>{Bytes(100, 1)}) << std::hex << code;
  }
}

// vmbsave: SavePacket is synchronous, so STATUS_PENDING breaks its contract, in either call.
TEST(EdgeCase, N03_PendingBreaksTheContract) {
  Endpoint source;
  source.receive_one();
  unsigned calls = 0;
  EXPECT_EQ(outcome(source,
                    [&](UINT32, PUINT32 needed) {
                      ++calls;
                      *needed = 8;
                      return STATUS_PENDING;
                    }),
            STATUS_INVALID_DEVICE_REQUEST);
  EXPECT_EQ(calls, 1u);
  EXPECT_EQ(outcome(source,
                    [&](UINT32 size, PUINT32 needed) {
                      *needed = 8;
                      return size == 0 ? STATUS_BUFFER_TOO_SMALL : STATUS_PENDING;
                    }),
            STATUS_INVALID_DEVICE_REQUEST);
}

// Documented: a first call that fails and asks for N1 bytes is followed by a second one with at least N1. vmbsave:
// exactly one for each packet, however many calls SaveContinue takes.
TEST(EdgeCase, N04_OneSecondCallWithAtLeastWhatTheFirstAskedFor) {
  Endpoint source;
  source.fill(50);
  struct Calls {
    unsigned first = 0;
    unsigned second = 0;
  };
  std::map<UINT64, Calls> calls;
  source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    Calls& of_packet = calls[VmbsPacketGetTransactionId(packet)];
    const auto* request = static_cast<const Request*>(VmbsPacketGetClientContext(packet));
    ++(of_packet.first == 0 ? of_packet.first : of_packet.second);
    EXPECT_EQ(size == 0, of_packet.second == 0) << "the first call has no buffer, the second has one";
    if (size != 0) {
      EXPECT_GE(size, request->state_bytes);
    }
    return Endpoint::plain_save(packet, buf, size, needed);
  };
  unsigned continues = 0;
  save(source.channel, 2048, &continues);
  VmbChannelSaveEnd(source.channel);
  EXPECT_GT(continues, 3u);
  ASSERT_EQ(calls.size(), 50u);
  for (const auto& [id, of_packet] : calls) {
    EXPECT_EQ(of_packet.first, 1u) << id;
    EXPECT_EQ(of_packet.second, id * 29 % 200 == 0 ? 0u : 1u) << id;
  }
}

// Documented: any failure of the first call leads to the second; no code is set apart.
TEST(EdgeCase, N05_AnyFailureOfTheFirstCallLeadsToTheSecond) {
  for (const UINT32 code :
       {0xC0000023u, 0x80000005u, 0xC000009Au, 0xC0000001u, 0xC0000016u, 0xE00A0001u, 0x8FFFFFFFu}) {
    Endpoint source;
    source.receive_one();
    source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      const NTSTATUS status = Endpoint::plain_save(packet, buf, size, needed);
      return size == 0 ? status_of(code) : status;
    };
    EXPECT_EQ(saved_states(save_and_end(source.channel)), std::vector<Bytes>{Bytes(100, 1)}) << std::hex << code;
  }
}

// vmbsave: a first call that fails and asks for nothing ends the save with the VSP's status, without a second one; the
// two BUFFER statuses mean something else to the caller of SaveContinue, who gets STATUS_INVALID_BUFFER_SIZE for them.
TEST(EdgeCase, N06_AFailureThatAsksForNothingEndsTheSave) {
  for (const bool written : {false, true}) {
    for (const UINT32 code : {0xC000009Au, 0xE00A0001u, 0x80000011u, 0xC0000023u, 0x80000005u}) {
      Endpoint source;
      source.receive_one();
      unsigned calls = 0;
      const NTSTATUS status = outcome(source, [&](UINT32, PUINT32 needed) {
        ++calls;
        if (written) *needed = 0;
        return status_of(code);
      });
      const bool means_progress = code == 0xC0000023u || code == 0x80000005u;
      EXPECT_EQ(status, means_progress ? STATUS_INVALID_BUFFER_SIZE : status_of(code)) << std::hex << code;
      EXPECT_EQ(calls, 1u) << std::hex << code;
    }
  }
}

// vmbsave: a state of more than 64 MiB is refused before any memory is sought for it, and sums of sizes do not wrap.
TEST(EdgeCase, N07_AbsurdSizesAreRefused) {
  for (const UINT32 absurd : {kLargestState + 1, 0x80000000u, 0xFFFFFFF0u, 0xFFFFFFFFu}) {
    Endpoint source;
    source.receive_one();
    unsigned calls = 0;
    source.on_save = [&](VMBPACKET, PVOID, UINT32, PUINT32 needed) {
      ++calls;
      *needed = absurd;
      return STATUS_BUFFER_TOO_SMALL;
    };
    ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
    EXPECT_EQ(save_continue(source.channel), STATUS_INVALID_BUFFER_SIZE) << absurd;
    EXPECT_EQ(calls, 1u);
    EXPECT_EQ(source.save_statistics().ImageBytes, 0u) << "nothing was placed";
    EXPECT_EQ(source.save_statistics().FailureTransactionId, 1u);
    VmbChannelSaveEnd(source.channel);
  }

  Endpoint many;
  many.fill(100);
  many.set_options([](VMBS_SAVE_OPTIONS& options) { options.MemoryBudget = 1 << 20; });
  unsigned second_calls = 0;
  EXPECT_EQ(outcome(many,
                    [&](UINT32 size, PUINT32 needed) {
                      if (size != 0) ++second_calls;
                      *needed = kLargestState;
                      return STATUS_BUFFER_TOO_SMALL;
                    }),
            STATUS_QUOTA_EXCEEDED)
      << "6.25 GiB in all";
  EXPECT_EQ(second_calls, 0u);
}

}  // namespace
}  // namespace vmbsave::test
