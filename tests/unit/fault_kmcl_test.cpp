// Saves and restores through the C face in which an allocation fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "contract/endpoint.hpp"
#include "unit/fault_injection.hpp"

namespace vmbsave::test {
namespace {

constexpr UINT32 kPackets = 150;  // of the guest, on each channel: several chunks
constexpr std::size_t kDirectRoom = std::size_t{1} << 16;
constexpr std::size_t kCopyRoom = std::size_t{1} << 14;  // holds a chunk, and not a stream

// How a VM is saved.
struct Way {
  UINT32 executor;
  UINT8 plan;
  bool direct;  // into the caller's buffer, channel by channel, where the plan allows it
  bool warm;    // it was saved before

  std::string text() const {
    return "executor " + std::to_string(executor) + ", plan " + std::to_string(plan) +
           (direct ? ", into the buffer" : ", copied") + (warm ? ", warm" : ", cold");
  }
};

std::vector<Way> ways() {
  std::vector<Way> all;
  for (const UINT32 executor : {UINT32{VMBS_EXECUTOR_SERIAL}, UINT32{VMBS_EXECUTOR_THREADS}}) {
    for (const UINT8 plan : {UINT8{VMBS_PLAN_AUTO}, UINT8{VMBS_PLAN_EXACT}, UINT8{VMBS_PLAN_FUSED}}) {
      for (const bool direct : {true, false}) {
        for (const bool warm : {false, true}) all.push_back({executor, plan, direct, warm});
      }
    }
  }
  return all;
}

// Of what may fail, one more each time, until nothing has: point(n) says whether something did. Where internal checks
// allocate for each packet, some of those.
template <class Point>
std::uint64_t each_point(const std::string& what, Point&& point) {
  constexpr std::uint64_t kEach = 20;
  constexpr std::uint64_t kStep = VMBSAVE_CHECK < 2 ? 1 : kPackets / 2;
  for (std::uint64_t n = 1; n < 1000; ++n) {
    SCOPED_TRACE(what + " " + std::to_string(n));
    if (!point(n <= kEach ? n : kEach + (n - kEach) * kStep)) return n - 1;
    if (testing::Test::HasFailure()) return n;
  }
  ADD_FAILURE() << "no end: " << what;
  return 1000;
}

// In a checked build a VSP's second call has memory of its own, and lacks it as one that throws.
bool is_for_lack_of_memory(NTSTATUS status) {
  return status == STATUS_INSUFFICIENT_RESOURCES || (VMBSAVE_CHECK >= 2 && status == STATUS_UNHANDLED_EXCEPTION);
}

// A channel with packets of the guest and one of the VSP's that waits for its answer.
struct Filled {
  Filled(PDEVICE_OBJECT parent, const Way& way)
      : endpoint({.parent = parent, .concurrent = true}),
        room(way.direct ? kDirectRoom : kCopyRoom, way.direct ? 0 : 16) {
    endpoint.fill(kPackets);
    question = VmbPacketAllocate(endpoint.channel);
    EXPECT_EQ(endpoint.send(question, "question"), STATUS_SUCCESS);
    question_id = VmbsPacketGetTransactionId(question);
    stream.reserve(kDirectRoom);
  }

  // The rest of the channel's stream. Allocates nothing.
  NTSTATUS read_stream() noexcept {
    for (;;) {
      ULONG filled = 0;
      ULONG required = 0;
      const NTSTATUS status = VmbChannelSaveContinue(endpoint.channel, room.data(), room.size(), &filled, &required);
      stream.insert(stream.end(), room.data(), room.data() + filled);
      if (status != STATUS_BUFFER_OVERFLOW) return status;
    }
  }

  std::vector<UINT64> ids(UINT64 first) const {  // in order of arrival
    std::vector<UINT64> all = ids_up_to(kPackets);
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first - 1));
    all.push_back(question_id);
    return all;
  }

  Endpoint endpoint;
  Room room;
  Bytes stream;
  VMBPACKET question = nullptr;
  UINT64 question_id = 0;
};

// Whether a stream has exactly these packets.
void expect_packets(const Bytes& stream, const std::vector<UINT64>& ids) {
  Endpoint destination(kPaused);
  EXPECT_EQ(restore(destination.channel, stream), STATUS_SUCCESS);
  EXPECT_EQ(destination.restored_ids, ids);
}

// A VM of two channels.
class Source {
 public:
  explicit Source(const Way& way) {
    for (auto& filled : channels_) filled = std::make_unique<Filled>(parent_, way);
    channels_[0]->endpoint.set_options([&](VMBS_SAVE_OPTIONS& options) {
      options.Executor = way.executor;
      options.Threads = 2;
      options.Plan = way.plan;
      options.SerialBelow = 0;
    });
    if (way.warm) {
      for (auto& filled : channels_) save_and_end(filled->endpoint.channel, kDirectRoom);
    }
  }

  // The first packet of each channel is completed meanwhile. Allocates nothing; the first failure.
  NTSTATUS save() noexcept {
    NTSTATUS status = STATUS_SUCCESS;
    std::size_t begun = 0;
    while (begun < kChannels && status == STATUS_SUCCESS) {
      status = VmbChannelSaveBegin(channels_[begun]->endpoint.channel);
      if (status == STATUS_SUCCESS) ++begun;
    }
    if (status == STATUS_SUCCESS) {
      completed_ = 1;
      for (auto& filled : channels_) filled->endpoint.complete(filled->endpoint.packets.front());
    }
    for (std::size_t c = 0; c < kChannels && status == STATUS_SUCCESS; ++c) status = channels_[c]->read_stream();
    for (std::size_t c = 0; c < begun; ++c) VmbChannelSaveEnd(channels_[c]->endpoint.channel);
    return status;
  }

  // What must hold whatever became of the save. With its image, if it is whole.
  void expect_all_in_use_once(bool whole) {
    for (auto& filled : channels_) {
      Endpoint& e = filled->endpoint;
      if (whole) expect_packets(filled->stream, filled->ids(1));
      EXPECT_EQ(e.completions(), ids_up_to(completed_)) << "deferred, and delivered once";
      EXPECT_EQ(e.statistics().IncomingInUse, kPackets - completed_);
      EXPECT_EQ(e.statistics().OutgoingInUse, 1u);
      expect_packets(save_and_end(e.channel, kDirectRoom), filled->ids(completed_ + 1));
    }
    for (auto& filled : channels_) expect_goes_on(*filled);
  }

 private:
  static constexpr std::size_t kChannels = 2;

  void expect_goes_on(Filled& filled) const {
    Endpoint& e = filled.endpoint;
    e.complete_all();
    EXPECT_EQ(e.completions().size(), kPackets - completed_);
    EXPECT_TRUE(e.guest->complete(filled.question_id, {}));
    EXPECT_EQ(e.guest->signal(), STATUS_SUCCESS);
    EXPECT_EQ(e.ended.size(), 1u) << "the answer";
    VmbPacketFree(filled.question);
    EXPECT_TRUE(e.receive(kPackets + 1, 5));
    e.complete_all();
    EXPECT_EQ(e.completions(), std::vector<UINT64>{kPackets + 1});
    EXPECT_TRUE(e.is_empty());
    EXPECT_EQ(e.statistics().Misuses, 0u);
  }

  Parent parent_;
  std::unique_ptr<Filled> channels_[kChannels];
  UINT32 completed_ = 0;  // on each channel
};

std::uint64_t save_with_failure(const Way& way, std::uint64_t number, bool stays) {
  Source source(way);
  NTSTATUS status = STATUS_SUCCESS;
  {
    const Injection injection(kMemoryCalls, number, {.stays = stays});
    status = source.save();
  }
  const std::uint64_t met = Injection::met();
  EXPECT_TRUE(status == STATUS_SUCCESS || (met != 0 && is_for_lack_of_memory(status))) << std::hex << status;
  source.expect_all_in_use_once(status == STATUS_SUCCESS);
  return met;
}

TEST(FaultKmcl, EachAllocationOfASave) {
  save_with_failure(ways().back(), 0, false);  // so that the C library has what it keeps
  std::uint64_t points = 0;
  std::uint64_t cold = 0;
  for (const Way& way : ways()) {
    for (const bool stays : {false, true}) {
      const std::uint64_t met =
          each_point((stays ? "no memory from allocation, " : "allocation, ") + way.text(), [&](std::uint64_t number) {
            const std::int64_t blocks = live_blocks();
            const std::int64_t mapped = mapped_bytes();
            const bool failed = save_with_failure(way, number, stays) != 0;
            EXPECT_EQ(live_blocks(), blocks) << "blocks of memory";
            EXPECT_EQ(mapped_bytes(), mapped) << "mapped bytes";
            return failed;
          });
      ASSERT_FALSE(HasFailure());
      points += met;
      if (!way.warm) cold = std::max(cold, met);
    }
  }
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GE(cold, 5u) << "a first save has all its memory to get";
}

// ---- restore
// ---------------------------------------------------------------------------------------------------------------------

// How a stream is handed over: at once and aligned, or chunk by chunk and not, so that copies are kept.
class Stream {
 public:
  Stream(const Bytes& bytes, bool in_pieces) : room_(bytes.size(), in_pieces ? 8 : 0) {
    std::memcpy(room_.data(), bytes.data(), bytes.size());
    sizes_ = in_pieces ? chunk_sizes(bytes) : std::vector<std::size_t>{bytes.size()};
  }

  // Allocates nothing.
  NTSTATUS feed(VMBCHANNEL channel) noexcept {
    NTSTATUS status = STATUS_MORE_PROCESSING_REQUIRED;
    UINT8* at = room_.data();
    for (const std::size_t size : sizes_) {
      status = VmbChannelRestoreFromBuffer(channel, at, static_cast<ULONG>(size));
      if (status != STATUS_MORE_PROCESSING_REQUIRED) return status;
      at += size;
    }
    return status;
  }

 private:
  Room room_;
  std::vector<std::size_t> sizes_;
};

std::uint64_t restore_with_failure(const Bytes& bytes, const std::vector<UINT64>& ids, bool in_pieces,
                                   std::uint64_t number, bool stays, bool& halfway) {
  // Of large packets few lie in memory that is there already: it can be missing halfway.
  Endpoint e({.start = false, .maximum_packet = 4096, .rings = {.to_guest_pages = 256}});
  VmbPacketFree(VmbPacketAllocate(e.channel));
  e.packets.reserve(kPackets + 1);
  e.restored_ids.reserve(kPackets + 1);
  Stream stream(bytes, in_pieces);
  NTSTATUS status = STATUS_SUCCESS;
  {
    const Injection injection(kMemoryCalls, number, {.stays = stays});
    status = stream.feed(e.channel);
  }
  const std::uint64_t met = Injection::met();
  if (status != STATUS_SUCCESS) {
    EXPECT_TRUE(met != 0 && is_for_lack_of_memory(status)) << std::hex << status;
    halfway |= !e.restored_ids.empty();
    EXPECT_TRUE(e.is_empty());
    EXPECT_EQ(e.guest->counters().to_guest_reserved, 0u);
    e.packets.clear();
    e.restored_ids.clear();
    EXPECT_EQ(stream.feed(e.channel), STATUS_SUCCESS) << "another restore";
  }
  EXPECT_EQ(e.restored_ids, ids);
  EXPECT_EQ(e.statistics().IncomingInUse, kPackets);
  EXPECT_EQ(e.statistics().OutgoingInUse, 1u);
  VmbChannelStart(e.channel);
  const VMBPACKET question = e.packets.back();
  e.packets.pop_back();
  e.complete_all();
  EXPECT_EQ(e.completions(), ids_up_to(kPackets));
  EXPECT_TRUE(e.guest->complete(ids.back(), {}));
  EXPECT_EQ(e.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(e.ended.size(), 1u) << "the answer";
  VmbPacketFree(question);
  EXPECT_TRUE(e.is_empty());
  return met;
}

TEST(FaultKmcl, EachAllocationOfARestore) {
  Bytes bytes;
  std::vector<UINT64> ids;
  {
    const Way way{VMBS_EXECUTOR_SERIAL, VMBS_PLAN_AUTO, true, false};
    Parent parent;
    Filled source(parent, way);
    bytes = save_and_end(source.endpoint.channel);
    ids = source.ids(1);
  }
  bool halfway = false;  // some packets were in use by then
  restore_with_failure(bytes, ids, true, 0, false, halfway);
  std::uint64_t points = 0;
  for (const bool in_pieces : {false, true}) {
    for (const bool stays : {false, true}) {
      points += each_point(std::string(stays ? "no memory from allocation" : "allocation") +
                               (in_pieces ? ", chunk by chunk," : ", at once,"),
                           [&](std::uint64_t number) {
                             const std::int64_t blocks = live_blocks();
                             const std::int64_t mapped = mapped_bytes();
                             const bool failed =
                                 restore_with_failure(bytes, ids, in_pieces, number, stays, halfway) != 0;
                             EXPECT_EQ(live_blocks(), blocks) << "blocks of memory";
                             EXPECT_EQ(mapped_bytes(), mapped) << "mapped bytes";
                             return failed;
                           });
      ASSERT_FALSE(HasFailure());
    }
  }
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GE(points, 4 * 4u);
  EXPECT_TRUE(halfway);
}

}  // namespace
}  // namespace vmbsave::test
