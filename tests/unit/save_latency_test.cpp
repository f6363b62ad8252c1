// The scenario of save latency: no implementation passes the check with anything but the reference packets.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>

#include "harness/page_faults.hpp"
#include "image/chunk_reader.hpp"
#include "kmcl/vm.hpp"
#include "save/plan.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/peers.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "vsp/blob/blob.h"

namespace {

std::atomic<std::uint64_t> allocations;

}  // namespace

// Not inlined: the compiler would pair malloc with a delete that it does not know.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  allocations.fetch_add(1);
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1);
  return std::malloc(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace vmbsave::bench {

void PrintTo(const Point& point, std::ostream* out) { *out << point_name(point); }

namespace {

// ---- implementations ---------------------------------------------------------------------------------------------

using Make = std::unique_ptr<Implementation> (*)(Rig&, const RunOptions&);
constexpr Make kAll[] = {make_engine,
                         make_c_face,
                         make_documented_sequential,
                         make_copy_floor,
                         make_contract_floor,
                         make_mutex_list,
                         make_openvmm_shape,
                         make_qemu_shape,
                         make_pmr_monotonic,
                         make_malloc_per_packet,
                         make_mimalloc_per_packet,
                         make_tbb_scalable,
                         make_flatbuffers};

std::vector<std::byte> bytes_of(const std::vector<std::span<const std::byte>>& pieces) {
  std::vector<std::byte> bytes;
  for (const auto piece : pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

const Point kPoints[] = {
    {.channels = 1, .packets = 1},
    {.channels = 3, .packets = 1},
    {.channels = 1, .packets = 22},
    {.channels = 3, .packets = 22},
    {.channels = 1, .packets = 500},
    {.channels = 3, .packets = 500},
    {.channels = 1, .packets = 2500},
    {.channels = 3, .packets = 500, .skew_percent = 90},
    {.channels = 3, .packets = 500, .skew_percent = 100},
    {.channels = 3, .packets = 500, .concurrent_callbacks = false},
    {.channels = 3, .packets = 500, .skew_percent = 90, .concurrent_callbacks = false},
    {.channels = 3, .packets = 500, .in_order = true},
    {.channels = 3, .packets = 500, .state_min_bytes = 8, .state_max_bytes = 8},
    {.channels = 3, .packets = 100, .state_min_bytes = 4096, .state_max_bytes = 4096},
    {.channels = 3, .packets = 100, .state_min_bytes = 8, .state_max_bytes = 16384},
    {.channels = 3, .packets = 500, .state_min_bytes = 0, .state_max_bytes = 0},
    {.channels = 3, .packets = 500, .stateful_percent = 0},
    {.channels = 3, .packets = 500, .stateful_percent = 50},
    {.channels = 3, .packets = 500, .concurrent_callbacks = false, .stateful_percent = 50},
    {.channels = 3, .packets = 22, .callback_ns = 500, .slow_callback_ns = 20'000},
    mixed_point({.channels = 3, .packets = 500, .stateful_percent = 50}, Mix::kCloudPhysics),
};

// Of all packets of a rig.
std::uint64_t bytes_of_states(const Rig& rig) {
  std::uint64_t bytes = 0;
  for (const auto& requests : rig.requests()) {
    for (const VMBS_VSP_REQUEST& request : requests) bytes += request.bytes;
  }
  return bytes;
}

class EveryPoint : public testing::TestWithParam<Point> {};

std::string test_name(const testing::TestParamInfo<Point>& info) {
  std::string name = point_name(info.param);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}
INSTANTIATE_TEST_SUITE_P(SaveLatency, EveryPoint, testing::ValuesIn(kPoints), test_name);

TEST_P(EveryPoint, EveryImplementationSavesTheReferencePackets) {
  Rig rig(GetParam());
  const std::uint64_t completed = rig.machine().delivered();
  const auto threads = make_thread_executor(2);
  for (Executor* const executor : {static_cast<Executor*>(nullptr), threads.get()}) {
    for (const SavePlan plan : {SavePlan::kAuto, SavePlan::kExact, SavePlan::kFused}) {
      for (const bool checksum : {false, true}) {
        for (const Make make : kAll) {
          const auto implementation = make(rig, {executor, plan, checksum});
          SCOPED_TRACE(implementation->name());
          EXPECT_NE(implementation->difference(), "") << "nothing is saved yet";
          for (int round = 0; round < 3; ++round) {
            EXPECT_GT(implementation->save(), 0u);
            EXPECT_EQ(implementation->difference(), "");
          }
          EXPECT_GE(implementation->image_bytes(), bytes_of_states(rig));
        }
      }
    }
  }
  rig.machine().complete_all();
  EXPECT_EQ(rig.machine().delivered(), completed + GetParam().packets) << "no save has lost one";
}

// One byte of one packet's state, behind the reference's back.
TEST_P(EveryPoint, EveryImplementationNamesThePacketThatDiffers) {
  Rig rig(GetParam());
  for (const Make make : kAll) {
    const auto implementation = make(rig, {});
    SCOPED_TRACE(implementation->name());
    implementation->save();
    for (std::uint32_t c = 0; c < GetParam().channels; ++c) {
      if (rig.packets(c).empty()) continue;
      for (const std::size_t i : {std::size_t{0}, rig.packets(c).size() - 1}) {
        const VMBS_VSP_REQUEST& request = rig.requests(c)[i];
        if (request.bytes == 0) continue;  // below
        auto* const state =
            static_cast<std::byte*>(VmbsPacketGetClientContext(rig.packets(c)[i])) + VMBS_BLOB_STATE_OFFSET;
        for (const std::uint32_t at : {0u, request.bytes - 1}) {
          state[at] ^= std::byte{1};
          implementation->save();
          EXPECT_EQ(implementation->difference(), "channel " + std::to_string(c) + ": transaction " +
                                                      std::to_string(request.record + 1) + ": byte " +
                                                      std::to_string(at) + " of its state differs");
          state[at] ^= std::byte{1};
        }
      }
    }
    implementation->save();
    EXPECT_EQ(implementation->difference(), "");
  }
}

// One that has no state suddenly has one, or the other way round.
TEST_P(EveryPoint, EveryImplementationNamesThePacketWithoutState) {
  Rig rig(GetParam());
  for (const Make make : kAll) {
    if (make == make_copy_floor) continue;  // it asks nobody
    const auto implementation = make(rig, {});
    SCOPED_TRACE(implementation->name());
    const VMBS_VSP_REQUEST& request = rig.requests(0)[0];
    auto* const size = static_cast<std::byte*>(VmbsPacketGetClientContext(rig.packets(0)[0])) + 8;
    const std::uint32_t other = request.bytes == 0 ? 8 : 0;
    std::memcpy(size, &other, sizeof other);
    try {
      implementation->save();
      EXPECT_EQ(implementation->difference(), "channel 0: transaction " + std::to_string(request.record + 1) + ": " +
                                                  std::to_string(other) + " bytes of state, expected " +
                                                  std::to_string(request.bytes));
    } catch (const CheckFailed&) {
      EXPECT_NE(other, 0u) << "no room was foreseen for it";
    }
    std::memcpy(size, &request.bytes, sizeof request.bytes);
    implementation->save();
    EXPECT_EQ(implementation->difference(), "");
  }
}

TEST_P(EveryPoint, TheFloorCopiesTheEnginesImage) {
  Rig rig(GetParam());
  const auto engine = make_engine(rig, {.plan = SavePlan::kExact});
  const auto floor = make_copy_floor(rig, {});
  engine->save();
  floor->save();
  EXPECT_EQ(floor->image_bytes(), engine->image_bytes());
  EXPECT_TRUE(bytes_of(floor->image_memory()) == bytes_of(engine->image_memory())) << "byte for byte";
}

TEST_P(EveryPoint, TheCFaceHandsOutTheEnginesStreams) {
  Rig rig(GetParam());
  const auto engine = make_engine(rig, {.checksum = true});
  const auto c_face = make_c_face(rig, {.checksum = true});
  engine->save();
  const auto image = bytes_of(engine->image_memory());
  c_face->save();
  const auto streams = std::span(image).subspan(image::kImageChunkBytes).first(c_face->image_bytes());
  EXPECT_EQ(image.size(), streams.size() + image::kImageChunkBytes + image::kEndChunkBytes);
  EXPECT_TRUE(std::ranges::equal(c_face->image_memory().at(0), streams));
}

// Nothing is left over from an earlier save, and nothing is spared: each save writes all of its image.
TEST_P(EveryPoint, ASaveWritesEveryByteOfItsImage) {
  Rig rig(GetParam());
  for (const Make make : kAll) {
    const auto implementation = make(rig, {.checksum = true});
    SCOPED_TRACE(implementation->name());
    implementation->save();
    const auto image = bytes_of(implementation->image_memory());
    for (const std::span<const std::byte> piece : implementation->image_memory()) {
      std::memset(const_cast<std::byte*>(piece.data()), 0xEE, piece.size());
    }
    EXPECT_NE(implementation->difference(), "");
    implementation->save();
    EXPECT_TRUE(bytes_of(implementation->image_memory()) == image);
  }
}

// The records in the block chunks, channel by channel in order of arrival.
std::vector<std::byte> records_of(std::span<const std::byte> image) {
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::span<const std::byte>> by_arrival;
  image::Chunk chunk;
  for (; image::read_unchecked_chunk(image, chunk) == RestoreFault::kNone; image = image.subspan(chunk.bytes.size())) {
    if (chunk.kind() != image::ChunkKind::kBlock) continue;
    image::LibBuf lib;
    for (auto body = chunk.body(); !body.empty(); body = body.subspan(lib.record_bytes)) {
      std::memcpy(&lib, body.data(), sizeof lib);
      by_arrival[{chunk.header.channel, lib.sequence}] = body.first(lib.record_bytes);
    }
  }
  EXPECT_TRUE(image.empty());
  std::vector<std::byte> records;
  for (const auto& [place, record] : by_arrival) records.insert(records.end(), record.begin(), record.end());
  return records;
}

TEST_P(EveryPoint, DocumentedRecordsAreTheEngines) {
  Rig rig(GetParam());
  const auto engine = make_engine(rig, {});
  const auto documented = make_documented_sequential(rig, {});
  engine->save();
  documented->save();
  EXPECT_TRUE(bytes_of(documented->image_memory()) == records_of(bytes_of(engine->image_memory())));
}

// Checks of level 2 give each SavePacket a guarded buffer of its own: then only the floor is looked at.
constexpr bool kEngineAllocates = VMBSAVE_CHECK >= 2;

TEST(SaveLatency, AWarmSaveAllocatesNothing) {
  for (const bool concurrent : {true, false}) {
    Rig rig({.channels = 3, .packets = 5000, .concurrent_callbacks = concurrent});
    const auto threads = make_thread_executor(2);
    for (Executor* const executor : {static_cast<Executor*>(nullptr), threads.get()}) {
      for (const Make make : {make_engine, make_copy_floor, make_c_face}) {
        if (kEngineAllocates && make != make_copy_floor) continue;
        const auto implementation = make(rig, {.executor = executor});
        for (int warming = 0; warming < 3; ++warming) implementation->save();
        const std::uint64_t before = allocations.load();
        implementation->save();
        EXPECT_EQ(allocations.load(), before) << implementation->name();
      }
    }
  }
}

// Images of more than three huge pages. Whose saves call an allocator have faults of their own, now more, now fewer.
TEST(SaveLatency, ASaveThatForgotTheLastImageFaultsItsMemoryIn) {
  Rig rig({.channels = 3, .packets = 30'000});
  const auto threads = make_thread_executor(2);
  for (const Make make :
       {make_engine, make_c_face, make_documented_sequential, make_copy_floor, make_mutex_list, make_openvmm_shape}) {
    const auto implementation = make(rig, {.executor = threads.get(), .plan = SavePlan::kFused});
    SCOPED_TRACE(implementation->name());
    const auto faults = [&] {
      const std::uint64_t before = page_faults();
      implementation->save();
      return page_faults() - before;
    };
    for (int warming = 0; warming < 3; ++warming) implementation->save();
    const bool is_engine = make == make_engine || make == make_c_face;
    const bool counts = make == make_copy_floor || make == make_mutex_list || (is_engine && !kEngineAllocates);
    std::uint64_t warm = UINT64_MAX;
    for (int i = 0; i < 10; ++i) warm = std::min(warm, faults());
    EXPECT_TRUE(warm == 0 || make != make_copy_floor) << warm;  // of the others, warm_save_test.cpp
    for (int i = 0; i < 3; ++i) {
      implementation->forget();
      EXPECT_TRUE(bytes_of(implementation->image_memory()).empty());
      EXPECT_NE(implementation->difference(), "") << "there is no image";
      const std::uint64_t touched = faults();
      EXPECT_TRUE(!counts || touched >= warm + 3) << touched << " faults, warm " << warm;
      EXPECT_EQ(implementation->difference(), "");
    }
  }
}

// Notes what it is asked for.
class NotingExecutor final : public Executor {
 public:
  unsigned concurrency() const noexcept override { return 2; }
  void wake() noexcept override { calls += "wake "; }
  void run(Task task, void* context) noexcept override {
    calls += "run ";
    task(context);
  }
  void for_each(std::size_t count, std::size_t grain, Body body, void* context) noexcept override {
    calls += std::to_string(count) + "/" + std::to_string(grain) + " ";
    for (std::size_t i = count; i-- > 0;) body(context, i, i + 1);
  }

  std::string calls;
};

TEST(SaveLatency, TheFloorRunsOnTheExecutorAsTheEngineDoes) {
  Rig rig({.channels = 3, .packets = 500, .in_order = true});
  NotingExecutor executor;
  const auto floor = make_copy_floor_at(rig, {.executor = &executor}, {});
  floor->save();
  EXPECT_EQ(executor.calls, "wake run 2/1 ") << "a worker a thread";
  EXPECT_EQ(floor->difference(), "");
  executor.calls.clear();
  (void)rig.machine().save(0, {.executor = &executor, .plan = SavePlan::kExact, .serial_below = 0});
  EXPECT_EQ(executor.calls, "wake run 2/1 2/1 ") << "the engine: both passes in one run, a worker a thread";
}

TEST(SaveLatency, AnyPrefetchGivesTheSameCopy) {
  Rig rig({.channels = 3, .packets = 500});
  for (const FloorPrefetch& prefetch :
       {FloorPrefetch{0, 64}, FloorPrefetch{1, 0}, FloorPrefetch{7, 4096}, FloorPrefetch{0xFFFFFFFF, 0xFFFFFFFF}}) {
    const auto floor = make_copy_floor_at(rig, {}, prefetch);
    floor->save();
    EXPECT_EQ(floor->difference(), "");
  }
}

TEST(SaveLatency, WhatTheEngineDidIsReported) {
  Rig rig({.channels = 3, .packets = 500});
  for (const Make make : {make_engine, make_c_face}) {
    const auto implementation = make(rig, {});
    implementation->save();
    ASSERT_NE(implementation->report(), nullptr);
    EXPECT_EQ(implementation->report()->packets, 500u);
    EXPECT_EQ(implementation->report()->channels, 3u);
  }
  EXPECT_EQ(make_copy_floor(rig, {})->report(), nullptr);
  EXPECT_EQ(make_documented_sequential(rig, {})->report(), nullptr);
}

// So many packets are worth a second thread whatever the machine: a first save counts on it.
TEST(SaveLatency, ThePlanAndTheThreadsThatWereAskedForAreTaken) {
  for (const Make make : {make_engine, make_c_face}) {
    Rig rig({.channels = 3, .packets = 30'000});
    const auto threads = make_thread_executor(2);
    const auto parallel = make(rig, {.executor = threads.get(), .plan = SavePlan::kFused});
    SCOPED_TRACE(parallel->name());
    parallel->save();
    EXPECT_EQ(parallel->report()->threads, 2u);
    EXPECT_EQ(parallel->report()->plan, SavePlan::kFused);
    const auto serial = make(rig, {.plan = SavePlan::kExact});
    serial->save();
    EXPECT_EQ(serial->report()->threads, 1u);
    EXPECT_EQ(serial->report()->plan, SavePlan::kExact);
  }
}

// The size that a packet claims is beyond what a save may hold.
TEST(SaveLatency, AFailedSaveIsACheckThatFailedAndTheNextOneWorks) {
  Rig rig({.channels = 3, .packets = 500});
  auto* const context = static_cast<std::byte*>(VmbsPacketGetClientContext(rig.packets(1)[7]));
  std::uint32_t bytes;
  std::memcpy(&bytes, context + 8, sizeof bytes);
  for (const Make make : {make_engine, make_c_face}) {
    const auto implementation = make(rig, {});
    constexpr std::uint32_t kTooMany = 0xFFFFFFFF;
    std::memcpy(context + 8, &kTooMany, sizeof kTooMany);
    EXPECT_THROW(implementation->save(), CheckFailed);
    EXPECT_THROW((void)make_c_face(rig, {}), CheckFailed);
    std::memcpy(context + 8, &bytes, sizeof bytes);
    implementation->save();
    EXPECT_EQ(implementation->difference(), "");
  }
}

// ---- the check of records ----------------------------------------------------------------------------------------

TEST(Check, SeesEveryDifferenceOfRecords) {
  Rig rig({.channels = 2, .packets = 10, .state_min_bytes = 40, .state_max_bytes = 40});
  const auto documented = make_documented_sequential(rig, {});
  documented->save();
  const std::vector<std::byte> records = bytes_of(documented->image_memory());
  ASSERT_EQ(records.size(), 10 * (32u + 48u));
  EXPECT_EQ(records_difference(rig, records), "");
  EXPECT_NE(records_difference(rig, std::span(records).first(records.size() - 1)), "");
  EXPECT_NE(records_difference(rig, std::span(records).first(800 - 80)), "");
  std::vector<std::byte> longer = records;
  longer.push_back(std::byte{0});
  EXPECT_NE(records_difference(rig, longer), "");
  for (std::size_t at = 80; at < 160; ++at) {
    if (at >= 80 + 8 && at < 80 + 16) continue;    // the sequence number, which nobody but the engine gives a meaning
    if (at == 80 + 30 || at == 80 + 31) continue;  // reserved
    std::vector<std::byte> damaged = records;
    damaged[at] ^= std::byte{1};
    EXPECT_NE(records_difference(rig, damaged), "") << "byte " << at;
  }
  std::vector<std::byte> swapped = records;
  std::swap_ranges(swapped.begin(), swapped.begin() + 80, swapped.begin() + 80);
  EXPECT_NE(records_difference(rig, swapped), "");
}

// Bytes of an image to which the reference packets give no value: who wrote it, a channel's limits and next numbers,
// and sequence numbers, whose order alone counts.
std::vector<bool> without_reference(std::span<const std::byte> image) {
  std::vector<bool> free(image.size());
  const auto mark = [&](std::size_t first, std::size_t bytes) {
    std::fill_n(free.begin() + static_cast<std::ptrdiff_t>(first), bytes, true);
  };
  image::Chunk chunk;
  for (std::size_t at = 0; at < image.size(); at += chunk.bytes.size()) {
    if (image::read_unchecked_chunk(image.subspan(at), chunk) != RestoreFault::kNone) break;
    const std::size_t body = at + sizeof(image::ChunkHeader);
    if (chunk.kind() == image::ChunkKind::kImage) {
      mark(body + offsetof(image::ImageBody, engine_version), sizeof(std::uint32_t));
      mark(body + offsetof(image::ImageBody, page_size),
           sizeof(image::ImageBody) - offsetof(image::ImageBody, page_size));
    } else if (chunk.kind() == image::ChunkKind::kChannel) {
      mark(body + offsetof(image::ChannelBody, capacity), sizeof(std::uint32_t));
      mark(body + offsetof(image::ChannelBody, next_sequence),
           offsetof(image::ChannelBody, reserved) - offsetof(image::ChannelBody, next_sequence));
    } else if (chunk.kind() == image::ChunkKind::kBlock) {
      image::Record record;
      for (std::size_t r = sizeof(image::ChunkHeader); image::read_record(chunk, r, record);
           r += record.lib.record_bytes) {
        mark(at + r + offsetof(image::LibBuf, sequence), sizeof record.lib.sequence);
      }
    }
  }
  return free;
}

TEST(Check, SeesEveryDifferenceOfAnImage) {
  Rig rig({.channels = 1, .packets = 3, .state_min_bytes = 40, .state_max_bytes = 40});
  const auto engine = make_engine(rig, {});
  engine->save();
  const std::vector<std::byte> image = bytes_of(engine->image_memory());
  ASSERT_EQ(image_difference(rig, image, false), "");
  const std::vector<bool> free = without_reference(image);
  for (std::size_t at = 0; at < image.size(); ++at) {
    std::vector<std::byte> damaged = image;
    damaged[at] ^= std::byte{1};
    EXPECT_TRUE(free[at] || !image_difference(rig, damaged, false).empty()) << "byte " << at;
  }
}

}  // namespace
}  // namespace vmbsave::bench
