// The scenario "live" at tiny sizes: its accounts, and what must fail a run. Nothing here looks at a time.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <thread>

#include "json_schema.hpp"
#include "latency/live_suite.hpp"
#include "mem/mapping.hpp"
#include "report/live_report.hpp"
#include "scenarios/live/block_stamps.hpp"
#include "scenarios/live/disk_command.hpp"
#include "scenarios/live/image_check.hpp"
#include "scenarios/live/live_guest.hpp"
#include "scenarios/live/live_run.hpp"
#include "scenarios/live/live_vsp.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "unit/io_fixture.hpp"
#include "vsp/guest_send.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::bench {
namespace {

constexpr LiveSpec kTiny{
    .channels = 2, .depth = 8, .disk_bytes = 1 << 20, .every_ns = 2'000'000, .phase_ns = 5'000'000, .rounds = 2};

std::string what_fails(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing";
}

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

class Live : public testing::Test {
 protected:
  Live() {
    if (const std::string why = test::why_no_ring(); !why.empty()) skipped_ = why;
  }
  void SetUp() override {
    if (!skipped_.empty()) GTEST_SKIP() << skipped_;
  }

  test::Folder folder_;
  std::string skipped_;
};

LiveDiskOptions tiny_disk(const test::Folder& folder) {
  return {std::filesystem::path(folder / ""), kTiny.disk_bytes, kTiny.disk_bytes};
}

// ---- a run ----

TEST_F(Live, EachRequestIsCompletedOnceAndEachAnswerChecked) {
  LiveDisk disk(tiny_disk(folder_));
  const LiveResult result = LiveRun(kTiny, disk).run();
  EXPECT_EQ(result.sent, result.completed);
  EXPECT_EQ(result.sent, result.reads_checked + result.writes);
  EXPECT_GT(result.reads_checked, 0u);
  EXPECT_GT(result.writes, 0u);
  EXPECT_EQ(result.blocks_checked, kTiny.disk_bytes / kLiveBlockBytes);
  ASSERT_EQ(result.rounds.size(), kTiny.rounds);
  EXPECT_GE(result.saves.packets.size(), kTiny.rounds);
  EXPECT_EQ(result.images_checked, result.saves.packets.size());
  EXPECT_EQ(result.packets_checked,
            std::accumulate(result.saves.packets.begin(), result.saves.packets.end(), std::uint64_t{0}));
  for (const LiveRound& round : result.rounds) {
    for (const LivePhase* const phase : {&round.before, &round.during, &round.after}) {
      EXPECT_GE(phase->completed, kTiny.slots());
      EXPECT_EQ(phase->completed, phase->latency.count() + phase->sent_earlier);
      EXPECT_EQ(phase->latency.count(), phase->met_save.count() + phase->apart.count());
      EXPECT_GT(phase->ns, 0u);
    }
    EXPECT_EQ(round.before.met_save.count() + round.after.met_save.count(), 0u) << "no save overlaps these";
  }
}

TEST_F(Live, WhatItReportsIsAsItsSchemaSaysAndHasATable) {
  LiveDisk disk(tiny_disk(folder_));
  report::LiveRow row = live_row(kTiny);
  run_live_row(row, disk);
  ASSERT_EQ(row.error + row.skipped, "");
  nlohmann::ordered_json context;
  for (const char* const key : {"machine", "build", "libraries", "allocator"}) context[key] = nullptr;
  const nlohmann::ordered_json json = report::live_json("2026-01-01T00:00:00Z", context, {"tsc", 10}, {row});
  const nlohmann::json shown = json["rows"][0];
  tests::Schema(VMBSAVE_SCHEMAS "/live.schema.json", "/$defs/row").expect_matches(shown);
  EXPECT_EQ(shown.at("rounds").size(), kTiny.rounds);
  EXPECT_EQ(shown.at("saves").at("count"), shown.at("images_checked"));
  EXPECT_EQ(shown.at("disk").at("bytes"), kTiny.disk_bytes);
  const std::string table = report::live_table(json);
  for (const char* const words : {"live/channels:2/depth:8: ", "disk: 1 MiB in ", "blackout, us", "during / before",
                                  "each completed once", "clock tsc, 10 ns a reading"}) {
    EXPECT_TRUE(has(table, words)) << words << " in\n" << table;
  }
}

TEST_F(Live, ReadsOfADiskThatDoesNotHoldItsWritesAreFound) {
  LiveDisk disk(tiny_disk(folder_));  // not filled
  const LiveRequests requests(kTiny);
  const mem::Mapping memory = mem::Mapping::reserve(std::size_t{kTiny.slots()} * kLiveBlockBytes);
  FirstFault fault;
  LiveHost host(kTiny, requests, disk.descriptor(), memory.data(), fault);
  const SaveFlag saving;
  LiveGuest guest(kTiny, requests, host, memory.data(), saving, fault);
  std::thread vsp([&] { host.serve(); });
  std::thread player([&] { guest.run(); });
  while (!fault.any() && guest.completed() < 1'000) std::this_thread::yield();
  guest.stop();
  player.join();
  host.stop();
  vsp.join();
  EXPECT_TRUE(has(fault.what(), "does not give its last write, number 1")) << fault.what();
}

TEST_F(Live, WithoutIoUringThereIsNoRun) {
  EXPECT_IN_CHILD([&] {
    if (!test::refuse({SYS_io_uring_setup, EPERM})) return false;
    LiveDisk disk(tiny_disk(folder_));
    report::LiveRow row = live_row(kTiny);
    run_live_row(row, disk);
    EXPECT_EQ(row.error, "");
    EXPECT_TRUE(has(row.skipped, "io_uring is refused here: ")) << row.skipped;
    EXPECT_TRUE(has(row.skipped, "Operation not permitted")) << row.skipped;
    return true;
  });
}

// ---- images ----

// A VM with four requests in flight, none of which the disk has been given, and a save of it.
class LiveImage : public Live {
 protected:
  void SetUp() override {
    Live::SetUp();
    if (!skipped_.empty()) return;
    disk_ = std::make_unique<LiveDisk>(tiny_disk(folder_));
    host_ = std::make_unique<LiveHost>(kTiny, requests_, disk_->descriptor(), memory_.data(), fault_);
    for (const std::uint32_t slot : {3u, 1u, 9u, 12u}) send(slot);
    save_ = {std::vector<Standing>(kTiny.slots()), std::vector<Standing>(kTiny.slots()), {}};
    host_->standings().read(save_.before);
    ASSERT_EQ(host_->session().begin({}), Status::kSuccess);
    host_->standings().read(save_.after);
    ASSERT_EQ(host_->session().save(), Status::kSuccess);
    host_->session().end(EndMode::kResume);
    save_.image = gather(host_->session().image());
  }
  ~LiveImage() override {
    if (host_ == nullptr) return;
    host_->stop();
    host_->serve();  // what is under way comes back
  }

  void put(std::uint32_t slot) {
    const std::uint64_t record = requests_.record(serial_++, slot);
    const VMBS_VSP_REQUEST request = requests_.request(record);
    VMBS_VSP_PACKET packet;
    ASSERT_EQ(vmbs_vsp_storvsp()->encode(nullptr, &request, &packet), STATUS_SUCCESS);
    guest::Guest& guest = host_->guest(requests_.channel(record));
    ASSERT_TRUE(bench::send(guest, record + 1, packet));
  }
  void send(std::uint32_t slot) {
    put(slot);
    ASSERT_EQ(host_->guest(slot / kTiny.depth).signal(), STATUS_SUCCESS);
  }
  // Completions that reach the guests, until there are so many or nothing more comes.
  unsigned receive(unsigned most) {
    unsigned received = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (received < most && std::chrono::steady_clock::now() < end) {
      for (std::uint32_t channel = 0; channel < kTiny.channels; ++channel) {
        if (host_->guest(channel).receive()) ++received;
      }
      std::this_thread::yield();
    }
    return received;
  }
  ImageFinding found() const { return check_image(save_, kTiny, requests_, *vmbs_vsp_storvsp()); }
  std::string difference() const { return found().difference; }

  const LiveRequests requests_{kTiny};
  const mem::Mapping memory_ = mem::Mapping::reserve(std::size_t{kTiny.slots()} * kLiveBlockBytes);
  FirstFault fault_;
  std::unique_ptr<LiveDisk> disk_;
  std::unique_ptr<LiveHost> host_;
  std::uint64_t serial_ = 5;
  LiveSave save_;
};

TEST_F(LiveImage, OfWhatIsInFlightIsRight) {
  EXPECT_EQ(difference(), "");
  EXPECT_EQ(found().packets, 4u);
  EXPECT_FALSE(fault_.any()) << fault_.what();
}

TEST_F(LiveImage, WhatASaveKeptInTheRingsIsTakenAfterIt) {
  ASSERT_EQ(host_->session().begin({}), Status::kSuccess);
  put(5);
  std::thread vsp([this] { host_->serve(); });
  while (host_->guest(0).host_work_due()) std::this_thread::yield();  // it has looked, and was told to wait
  host_->session().end(EndMode::kResume);
  host_->go_on();
  EXPECT_EQ(receive(5), 5u);
  host_->stop();
  vsp.join();
}

TEST_F(LiveImage, MayHoldOrLackWhatWasBeingAnswered) {
  for (const RequestStage stage : {RequestStage::kAnswering, RequestStage::kAnswered}) {
    save_.after[1].stage = stage;                          // in the image
    save_.after[2] = {requests_.record(3, 2) + 1, stage};  // not in it
    EXPECT_EQ(difference(), "");
  }
}

TEST_F(LiveImage, ThatLacksARequestIsFound) {
  save_.after[2] = {requests_.record(3, 2) + 1, RequestStage::kSubmitted};
  EXPECT_TRUE(has(difference(), "lacks transaction 51, ")) << difference();
}

TEST_F(LiveImage, ThatHoldsAnAnsweredRequestIsFound) {
  save_.before[1].stage = RequestStage::kAnswered;
  save_.after[1].stage = RequestStage::kAnswered;
  EXPECT_TRUE(has(difference(), "holds transaction 98, which was not in flight")) << difference();
}

TEST_F(LiveImage, ThatHoldsAnEarlierRequestIsFound) {
  save_.after[1] = {requests_.record(90, 1) + 1, RequestStage::kAnswering};
  EXPECT_TRUE(has(difference(), "holds transaction 98, which was not in flight")) << difference();
}

TEST_F(LiveImage, WithAnotherStateIsFound) {
  save_.image[save_.image.size() / 2] ^= std::byte{1};
  EXPECT_NE(difference(), "");
  save_.image.resize(save_.image.size() / 2);
  EXPECT_EQ(difference(), "an image cannot be read");
}

// ---- parts ----

TEST(LiveRequests, FollowFromTheirRecords) {
  const LiveSpec spec{.channels = 4, .depth = 64, .disk_bytes = 64 << 20};
  const LiveRequests requests(spec);
  const LiveRequests again(spec);
  std::set<std::uint64_t> blocks;
  unsigned writes = 0;
  for (std::uint64_t record = 0; record < 10'000; ++record) {
    EXPECT_LT(requests.block(record), requests.blocks());
    EXPECT_EQ(requests.block(record), again.block(record));
    blocks.insert(requests.block(record));
    writes += requests.is_write(record) ? 1u : 0u;
  }
  EXPECT_GT(blocks.size(), 6'000u) << "of 16,384 blocks, drawn 10,000 times";
  EXPECT_NEAR(writes, 3'000.0, 200.0);
  const std::uint64_t record = requests.record(7, 130);
  EXPECT_EQ(requests.slot(record), 130u);
  EXPECT_EQ(requests.channel(record), 2u);
  EXPECT_NE(LiveRequests({.seed = 2}).block(record), LiveRequests({.seed = 3}).block(record));
}

TEST(DiskCommand, IsWhatTheGuestHasAskedFor) {
  const auto command = [](VMBS_VSP_REQUEST request, std::uint64_t disk_blocks) {
    VMBS_VSP_PACKET packet;
    EXPECT_EQ(vmbs_vsp_storvsp()->encode(nullptr, &request, &packet), STATUS_SUCCESS);
    storvsp::VstorPacket vstor;
    std::memcpy(&vstor, packet.bytes, sizeof vstor);
    return disk_command(vstor.request, disk_blocks);
  };
  VMBS_VSP_REQUEST request{};
  request.record = 1;
  request.lba = 80;
  request.tag = 1;
  request.bytes = 4096;
  request.operation = VMBS_VSP_WRITE;
  const auto write = command(request, 88);
  ASSERT_TRUE(write.has_value());
  EXPECT_TRUE(write->write);
  EXPECT_EQ(write->block, 80u);
  EXPECT_EQ(write->blocks, 8u);
  EXPECT_FALSE(command(request, 87).has_value()) << "beyond the disk";
  request.operation = VMBS_VSP_READ;
  request.lba = UINT64_C(1) << 40;
  const auto far = command(request, UINT64_MAX);
  ASSERT_TRUE(far.has_value());
  EXPECT_FALSE(far->write);
  EXPECT_EQ(far->block, UINT64_C(1) << 40);
  request.operation = VMBS_VSP_DISCARD;
  EXPECT_FALSE(command(request, UINT64_MAX).has_value());
}

TEST(LiveVsp, MustTakeReadsAndWrites) {
  EXPECT_STREQ(live_vsp_fault(*vmbs_vsp_storvsp()), "");
  VMBS_VSP frames = *vmbs_vsp_storvsp();
  frames.encode = [](VOID*, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET*) -> NTSTATUS {
    return request->operation == VMBS_VSP_READ ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
  };
  EXPECT_STREQ(live_vsp_fault(frames), "it takes no reads and writes of 4096 bytes");
}

TEST(BlockStamps, ShowWritesThatArrivedInPartOrElsewhere) {
  std::vector<std::byte> block(kLiveBlockBytes);
  stamp_block(block.data(), 7, 3);
  EXPECT_EQ(read_block_stamps(block.data(), 7), Generation{3});
  EXPECT_EQ(read_block_stamps(block.data(), 8), std::nullopt);
  stamp(stamp_place(block.data(), kLastStamp), 7 * kStampsPerBlock + kLastStamp, 2);
  EXPECT_EQ(read_block_stamps(block.data(), 7), std::nullopt) << "the first half is of another write";
  spoil_block(block.data());
  EXPECT_EQ(read_block_stamps(block.data(), 7), std::nullopt);
}

TEST(LiveDisk, HasNoNameAndHoldsWhatWasWritten) {
  const test::Folder folder;
  LiveDisk disk(tiny_disk(folder));
  EXPECT_TRUE(folder.names().empty());
  EXPECT_EQ(disk.facts().bytes, kTiny.disk_bytes);
  disk.fill();
  std::vector<Generation> generations(kTiny.disk_bytes / kLiveBlockBytes, 1);
  EXPECT_EQ(disk.check(generations), generations.size());
  generations[200] = 2;
  EXPECT_EQ(what_fails([&] { disk.check(generations); }),
            "at the end block 200 of the disk does not hold its last write");
}

TEST(LiveDisk, WithoutRoomIsSmallerOrIsNot) {
  const test::Folder folder;
  constexpr std::uint64_t kTooMuch = std::uint64_t{1} << 60;
  const std::string why = what_fails([&] { LiveDisk({std::filesystem::path(folder / ""), kTooMuch, kTooMuch}); });
  EXPECT_TRUE(has(why, "too little room in ")) << why;
  EXPECT_TRUE(has(why, "--folder")) << why;
  EXPECT_TRUE(folder.names().empty());
  const std::string nowhere = what_fails([&] { LiveDisk({std::filesystem::path(folder / "no"), 4096, 4096}); });
  EXPECT_TRUE(has(nowhere, "No such file or directory; name another folder with --folder")) << nowhere;
}

}  // namespace
}  // namespace vmbsave::bench
