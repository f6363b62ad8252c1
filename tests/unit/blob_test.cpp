// blob on channels of the library: every size of state through a save and a restore, and what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <set>
#include <vector>

#include "base/clock.hpp"
#include "image/chunk_writer.hpp"
#include "image/format.hpp"
#include "kmcl/vm.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "scenarios/vm/verify.hpp"
#include "vsp/blob/blob.h"
#include "vsp/blob/wire.hpp"

namespace vmbsave::blob {
namespace {

using bench::ExpectedChannels;
using bench::Machine;

constexpr std::uint32_t kCapacities[] = {32, 272, 624, 4096, 4224, 16384};

VMBS_VSP_REQUEST request(std::uint64_t record, std::uint32_t bytes) {
  VMBS_VSP_REQUEST r{};
  r.record = record;
  r.bytes = bytes;
  return r;
}

std::vector<std::uint8_t> reference(const VMBS_VSP& vsp, const VMBS_VSP_REQUEST& r) {
  std::vector<std::uint8_t> state(vsp.max_state_bytes, 0xEE);
  state.resize(vsp.reference_state(&r, state.data()));
  return state;
}

// One channel with the packets of these requests in use, and the requests.
struct Source {
  Source(const VMBS_VSP& vsp, const std::vector<VMBS_VSP_REQUEST>& requests)
      : quota(static_cast<std::uint32_t>(requests.size())), machine(vsp, {1, 1}, {&quota, 1}), expected{requests} {
    machine.start();
    for (const VMBS_VSP_REQUEST& r : requests) machine.submit(0, r);
  }

  const std::uint32_t quota;
  Machine machine;
  const ExpectedChannels expected;
};

TEST(Blob, TheSmallestThatHoldsASize) {
  std::uint32_t least = 1;
  for (const std::uint32_t capacity : kCapacities) {
    for (const std::uint32_t bytes : {least, capacity}) {
      for (const int concurrent : {0, 1}) {
        const VMBS_VSP* const vsp = vmbs_vsp_blob(bytes, concurrent);
        ASSERT_NE(vsp, nullptr);
        EXPECT_EQ(vsp->max_state_bytes, capacity);
        EXPECT_EQ(vsp->concurrent_callbacks, static_cast<UINT32>(concurrent));
        EXPECT_EQ(vsp->version, static_cast<UINT32>(VMBS_VSP_VERSION));
        EXPECT_EQ(vsp->size, sizeof(VMBS_VSP));
      }
    }
    least = capacity + 1;
  }
  EXPECT_EQ(vmbs_vsp_blob(least, 1), nullptr);
}

TEST(Blob, StatesFollowFromRecordAndSizeAlone) {
  const VMBS_VSP& vsp = *vmbs_vsp_blob(272, 1);
  const auto longest = reference(vsp, request(7, 272));
  EXPECT_EQ(longest, reference(vsp, request(7, 272)));
  EXPECT_EQ(longest, reference(*vmbs_vsp_blob(4096, 0), request(7, 272)));
  for (std::uint32_t bytes = 1; bytes <= 272; ++bytes) {
    EXPECT_EQ(reference(vsp, request(7, bytes)), std::vector(longest.begin(), longest.begin() + bytes));
  }
  std::set<std::vector<std::uint8_t>> words;
  for (std::uint64_t record = 0; record < 64; ++record) {
    const auto state = reference(*vmbs_vsp_blob(16384, 0), request(record, 16384));
    for (const std::uint8_t* at = state.data(); at < state.data() + state.size(); at += 8) words.insert({at, at + 8});
  }
  EXPECT_EQ(words.size(), 64u * 2048u) << "no word twice: no packet passes for another";
}

TEST(Blob, SizesItHasNoRoomForAreRefused) {
  VMBS_VSP_PACKET packet{};
  for (const std::uint32_t capacity : kCapacities) {
    const VMBS_VSP& vsp = *vmbs_vsp_blob(capacity, 1);
    for (const std::uint32_t bytes : {capacity + 1, 0xFFFFFFFFu}) {
      const VMBS_VSP_REQUEST r = request(0, bytes);
      EXPECT_EQ(vsp.encode(nullptr, &r, &packet), STATUS_INVALID_PARAMETER);
      EXPECT_EQ(reference(vsp, r).size(), 0u);
    }
    for (const std::uint32_t bytes : {0u, capacity}) {
      const VMBS_VSP_REQUEST r = request(0, bytes);
      EXPECT_EQ(vsp.encode(nullptr, &r, &packet), STATUS_SUCCESS);
      EXPECT_EQ(packet.length, 16u);
      EXPECT_EQ(packet.range_count, 0u);
      EXPECT_EQ(reference(vsp, r).size(), bytes);
    }
    VMBS_VSP_REQUEST slow = request(0, capacity);
    slow.callback_ns = kLongestCallbackNs + 1;
    EXPECT_EQ(vsp.encode(nullptr, &slow, &packet), STATUS_INVALID_PARAMETER);
  }
}

// Sizes around each power of two and each end, none among them: saved, restored, saved again, completed.
void round_trip(const VMBS_VSP& vsp) {
  std::vector<VMBS_VSP_REQUEST> requests;
  for (std::uint32_t bytes = 0; bytes <= vsp.max_state_bytes; bytes += bytes < 300 ? 1 : 509) {
    requests.push_back(request(requests.size(), bytes));
  }
  requests.push_back(request(requests.size(), vsp.max_state_bytes));
  Source source(vsp, requests);
  const auto image = bench::gather(source.machine.save(0, {}).image);
  EXPECT_EQ(bench::difference(image, source.expected, vsp), "");

  Machine destination(vsp, {1, 1}, {&source.quota, 1});
  EXPECT_EQ(destination.restore(0, image, nullptr).packets, requests.size());
  EXPECT_EQ(bench::difference(bench::gather(destination.save(0, {}).image), source.expected, vsp), "");
  destination.start();
  EXPECT_EQ(destination.in_use(), 0u);
  destination.reissue();
  EXPECT_EQ(destination.in_use(), requests.size());
  destination.reissue();
  EXPECT_EQ(destination.in_use(), requests.size()) << "re-issued once only";
  EXPECT_EQ(bench::difference(bench::gather(destination.save(0, {}).image), source.expected, vsp), "");
  destination.complete_all();
  EXPECT_EQ(destination.delivered(), requests.size());
  source.machine.complete_all();
  EXPECT_EQ(source.machine.delivered(), requests.size());
}

TEST(Blob, EverySizeRoundTrips) {
  for (const std::uint32_t capacity : kCapacities) {
    SCOPED_TRACE(capacity);
    round_trip(*vmbs_vsp_blob(capacity, 1));
    round_trip(*vmbs_vsp_blob(capacity, 0));
  }
}

TEST(Blob, SlotsThatAreUsedAgainKeepNothing) {
  const VMBS_VSP& vsp = *vmbs_vsp_blob(272, 1);
  Source source(vsp, {request(0, 272), request(1, 272)});
  source.machine.complete_all();
  source.machine.submit(0, request(2, 9));
  const auto image = bench::gather(source.machine.save(0, {}).image);
  EXPECT_EQ(bench::difference(image, {{request(2, 9)}}, vsp), "");
}

// An image of packets of 32 bytes: image chunk, channel chunk, and the block, whose records begin behind its header.
constexpr std::size_t kBlock = image::kImageChunkBytes + image::kChannelChunkBytes;
constexpr std::size_t kRecord = kBlock + sizeof(image::ChunkHeader);
constexpr std::size_t kSecondRecord = kRecord + sizeof(image::LibBuf) + 32;
constexpr std::size_t kSecondState = kSecondRecord + sizeof(image::LibBuf);

TEST(Blob, BadStateIsRefusedAndTheChannelStaysUsable) {
  const VMBS_VSP& vsp = *vmbs_vsp_blob(32, 1);
  Source source(*vmbs_vsp_blob(272, 1), {request(0, 32), request(1, 40)});
  Source fitting(vsp, {request(0, 32), request(1, 32)});
  const auto longer = bench::gather(source.machine.save(0, {}).image);
  const auto good = bench::gather(fitting.machine.save(0, {}).image);
  const auto damaged = [&](std::size_t at, std::uint8_t bits) {
    std::vector<std::byte> image = good;
    image[at] ^= std::byte{bits};
    image::seal_chunk(image.data() + kBlock);
    return image;
  };
  std::vector<std::vector<std::byte>> bad = {longer, damaged(kSecondRecord, 8)};  // too long; another transaction's
  for (std::size_t i = 0; i < 32; ++i) bad.push_back(damaged(kSecondState + i, 1));
  for (const auto& image : bad) {
    Machine destination(vsp, {1, 1}, {&fitting.quota, 1});
    try {
      destination.restore(0, image, nullptr);
      FAIL() << "restored";
    } catch (const bench::CheckFailed& error) {
      EXPECT_NE(std::string(error.what()).find("0xC000000D"), std::string::npos) << error.what();
    }
    destination.reissue();
    EXPECT_EQ(destination.in_use(), 0u) << "of what failed, nothing is left";
    EXPECT_EQ(destination.restore(0, good, nullptr).packets, 2u);
    destination.start();
    destination.reissue();
    destination.complete_all();
    EXPECT_EQ(destination.delivered(), 2u);
  }
}

// What the save of a packet with these bytes of state was restored as: how many go to the backing store when the
// channel is re-issued. The others were answered.
std::uint64_t reissued(std::span<const std::byte> state) {
  const VMBS_VSP& vsp = *vmbs_vsp_blob(32, 1);
  Source source(vsp, {request(0, 32)});
  std::vector<std::byte> image = bench::gather(source.machine.save(0, {}).image);
  image::LibBuf lib;
  std::memcpy(&lib, image.data() + kRecord, sizeof lib);
  lib.save_bytes = static_cast<std::uint32_t>(state.size());
  std::memcpy(image.data() + kRecord, &lib, sizeof lib);
  std::memset(image.data() + kRecord + sizeof lib, 0, 32);
  if (!state.empty()) std::memcpy(image.data() + kRecord + sizeof lib, state.data(), state.size());
  image::seal_chunk(image.data() + kBlock);
  Machine destination(vsp, {1, 1}, {&source.quota, 1});
  EXPECT_EQ(destination.restore(0, image, nullptr).packets, 1u);
  destination.start();
  destination.reissue();
  EXPECT_EQ(destination.save(0, {}).report.packets, destination.in_use());
  return destination.in_use();
}

TEST(Blob, RestoredWithoutStateGoesOn) {
  EXPECT_EQ(reissued({}), 1u);
  const std::byte own{reference(*vmbs_vsp_blob(32, 1), request(0, 1))[0]};
  EXPECT_EQ(reissued({&own, 1}), 1u);
}

TEST(Blob, RestoredMalformedIsAnsweredWhenReissued) {
  const std::byte mark = ~std::byte{reference(*vmbs_vsp_blob(32, 1), request(0, 1))[0]};
  EXPECT_EQ(reissued({&mark, 1}), 0u);
}

// A guest whose packets are not what encode makes.
class BadGuest {
 public:
  BadGuest() : guest_(guest::Guest::create({})) {
    EXPECT_EQ(VmbChannelAllocate(nullptr, 1, &channel_), STATUS_SUCCESS);
    EXPECT_EQ(vsp_.configure(channel_, &backend_), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelEnable(channel_), STATUS_SUCCESS);
    EXPECT_EQ(guest_->open(channel_), STATUS_SUCCESS);
    VmbChannelStart(channel_);
  }
  ~BadGuest() {
    vsp_.release(channel_);
    VmbChannelCleanup(channel_);
    guest_->detach();
  }

  // What the VSP answers at once; 0: nothing.
  std::uint32_t answer(std::uint64_t transaction_id, std::span<const std::uint64_t> payload) {
    EXPECT_TRUE(guest_->send(transaction_id, std::as_bytes(payload), true));
    EXPECT_EQ(guest_->signal(), STATUS_SUCCESS);
    const auto received = guest_->receive();
    std::uint32_t status = 0;
    if (received && received->payload.size() == 8) std::memcpy(&status, received->payload.data(), sizeof status);
    return status;
  }

  std::uint64_t submitted = 0;

 private:
  static void on_submit(void* self, VMBPACKET, UINT64) { ++static_cast<BadGuest*>(self)->submitted; }

  const VMBS_VSP& vsp_ = *vmbs_vsp_blob(32, 1);
  const VMBS_VSP_BACKEND backend_{this, on_submit, nullptr};
  std::unique_ptr<guest::Guest> guest_;
  VMBCHANNEL channel_ = nullptr;
};

TEST(Blob, MalformedPacketsAreAnsweredNotSubmitted) {
  BadGuest guest;
  using Words = std::vector<std::uint64_t>;
  constexpr std::uint64_t kId = 7;
  constexpr std::uint64_t kTooSlow = kLongestCallbackNs + 1;
  for (const Words& words : {Words{}, Words{6}, Words{6, 32, 0},  // length
                             Words{6, 33},                        // size of the state
                             Words{6, (kTooSlow << 32) | 8},      // a callback that takes too long
                             Words{7, 32}}) {                     // record of another transaction
    EXPECT_EQ(guest.answer(kId, words), 0xC000000Du);
  }
  EXPECT_EQ(guest.submitted, 0u);
  EXPECT_EQ(guest.answer(kId, Words{6, 32}), 0u);
  EXPECT_EQ(guest.answer(kId, Words{6, 0}), 0u);
  EXPECT_EQ(guest.answer(kId, Words{6, ((kTooSlow - 1) << 32) | 8}), 0u);
  EXPECT_EQ(guest.submitted, 3u);
}

TEST(Blob, SavePacketKeepsItsContract) {
  const VMBS_VSP& vsp = *vmbs_vsp_blob(272, 1);
  Source source(vsp, {request(0, 40)});
  const VMBPACKET packet = source.machine.packet(1);
  const auto save = source.machine.vm(0).channels().channels()[0]->config().save_packet;
  std::uint8_t buffer[64];
  std::memset(buffer, 0xEE, sizeof buffer);
  std::uint32_t needed = 0;
  EXPECT_EQ(save(source.machine.channels()[0], packet, buffer, 0, &needed), STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(needed, 40u);
  EXPECT_EQ(save(source.machine.channels()[0], packet, buffer, 39, &needed), STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(buffer[0], 0xEE);
  EXPECT_EQ(save(source.machine.channels()[0], packet, buffer, 40, &needed), STATUS_SUCCESS);
  EXPECT_EQ(std::vector(buffer, buffer + 40), reference(vsp, request(0, 40)));
  EXPECT_EQ(buffer[40], 0xEE);
}

TEST(Blob, APacketWithoutStateSaysSoInItsFirstCall) {
  Source source(*vmbs_vsp_blob(272, 1), {request(0, 0)});
  const auto save = source.machine.vm(0).channels().channels()[0]->config().save_packet;
  std::uint8_t byte = 0xEE;
  std::uint32_t needed = 7;
  EXPECT_EQ(save(source.machine.channels()[0], source.machine.packet(1), &byte, 0, &needed), STATUS_SUCCESS);
  EXPECT_EQ(needed, 0u);
  EXPECT_EQ(byte, 0xEE);
}

TEST(Blob, EachCallTakesAsMuchLongerAsItsRequestSays) {
  constexpr std::uint32_t kLonger = 500'000;
  VMBS_VSP_REQUEST slow = request(0, 40);
  slow.callback_ns = kLonger;
  Source source(*vmbs_vsp_blob(272, 1), {slow, request(1, 40)});
  const auto save = source.machine.vm(0).channels().channels()[0]->config().save_packet;
  const auto least = [&](std::uint64_t transaction_id, std::uint32_t room) {
    std::uint64_t ns = UINT64_MAX;
    for (int i = 0; i < 20; ++i) {  // of so many one is undisturbed
      std::uint8_t buffer[64];
      std::uint32_t needed = 0;
      const std::uint64_t start = base::now_ns();
      save(source.machine.channels()[0], source.machine.packet(transaction_id), buffer, room, &needed);
      ns = std::min(ns, base::now_ns() - start);
    }
    return ns;
  };
  for (const std::uint32_t room : {0u, 64u}) {
    EXPECT_GE(least(1, room), kLonger);
    EXPECT_LT(least(1, room), 2 * kLonger);
    EXPECT_LT(least(2, room), kLonger / 5);
  }
  source.machine.complete_all();
  source.machine.submit(0, request(2, 40));
  source.machine.submit(0, request(3, 40));
  for (const std::uint64_t id : {3u, 4u})
    EXPECT_LT(least(id, 64), kLonger / 5) << "a slot that is used again keeps nothing";
}

}  // namespace
}  // namespace vmbsave::blob
