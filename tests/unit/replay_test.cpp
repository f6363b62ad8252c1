// The replay's own parts: virtual time, and that its check of an image can fail.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kmcl/channel.hpp"
#include "report/percentiles.hpp"
#include "scenarios/replay/replay.hpp"
#include "scenarios/replay/schedule.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "scenarios/vm/verify.hpp"
#include "trace/profile.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::replay {
namespace {

using bench::CheckFailed;
using bench::Checksums;
using bench::difference;
using bench::ExpectedChannels;
using bench::gather;
using bench::is_same;
using bench::Machine;

trace::Request request(std::uint64_t submit, std::uint64_t complete, std::uint16_t queue = 0) {
  return {.submit_ns = submit,
          .complete_ns = complete,
          .lba = 8 * submit,
          .tag = submit,
          .bytes = 4096,
          .first_byte = 0,
          .queue = queue,
          .operation = trace::Operation::kWrite};
}

trace::Trace small_trace() {
  trace::Trace trace;
  trace.format = "test";
  trace.measured_completions = true;
  trace.requests = {request(0, 10), request(5, 15, 3), request(10, 20), request(12, trace::kNoCompletion, 3)};
  trace.queues = {0, 3};
  return trace;
}

void no_progress(const char*, std::uint64_t, std::uint64_t) {}

TEST(Schedule, ARequestIsInUseFromItsSubmissionUntilJustBeforeItsCompletion) {
  const trace::Trace trace = small_trace();
  const Schedule schedule(trace, std::nullopt, {});
  const auto count = [&](std::uint64_t t) { return schedule.in_use_at(t).size(); };
  EXPECT_EQ(count(0), 1u);
  EXPECT_EQ(count(9), 2u);
  EXPECT_EQ(count(10), 2u) << "one completes, one comes";
  EXPECT_EQ(count(12), 3u);
  EXPECT_EQ(count(20), 1u);
  EXPECT_EQ(count(1'000'000), 1u) << "no completion: in use until the end";
}

TEST(Schedule, SurveyFindsTheFirstPeak) {
  const trace::Trace trace = small_trace();
  const Survey survey = Schedule(trace, std::nullopt, {}).survey(2, [&](std::uint32_t, std::uint32_t record) {
    return trace.requests[record].queue == 0 ? 0u : 1u;
  });
  EXPECT_EQ(survey.peak, 3u);
  EXPECT_EQ(survey.peak_time_ns, 12u);
  EXPECT_EQ(survey.channel_peaks, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(survey.end_ns, 20u);
}

TEST(Schedule, ServiceTimeReplacesMeasuredCompletions) {
  const trace::Trace trace = small_trace();
  const Schedule schedule(trace, 3, {});
  EXPECT_EQ(schedule.in_use_at(7).size(), 1u);
  EXPECT_EQ(schedule.in_use_at(8).size(), 0u);
}

TEST(Schedule, ARequestThatCompletesAtOnceIsNeverInUse) {
  trace::Trace trace = small_trace();
  trace.requests[1].complete_ns = trace.requests[1].submit_ns;
  const Schedule schedule(trace, std::nullopt, {});
  EXPECT_EQ(schedule.in_use_at(5).size(), 1u);
  EXPECT_EQ(schedule.survey(1, [](std::uint32_t, std::uint32_t) { return 0u; }).peak, 2u);
  Options options;
  options.repeat = 1;
  EXPECT_TRUE(run(trace, *vmbs_vsp_storvsp(), options, no_progress).restored);
  options.service_time_ns = 0;
  EXPECT_EQ(run(trace, *vmbs_vsp_storvsp(), options, no_progress).packets_in_use, 0u);
}

TEST(Schedule, ReplicasAreTheTraceShifted) {
  const trace::Trace trace = small_trace();
  const Schedule shifted(trace, std::nullopt, {.vms = 3, .shift_ns = 10});
  EXPECT_EQ(shifted.requests(), 12u);
  EXPECT_EQ(shifted.in_use_at(12).size(), 3u + 1u);
  const Schedule together(trace, std::nullopt, {.vms = 3, .shift_ns = 0});
  EXPECT_EQ(together.in_use_at(12).size(), 9u);
  std::uint64_t last = 0;
  std::size_t events = 0;
  shifted.for_each_event(UINT64_MAX, [&](const Event& event) {
    EXPECT_GE(event.time_ns, last);
    last = event.time_ns;
    ++events;
    return true;
  });
  EXPECT_EQ(events, 3u * 7u);
}

struct Shape {
  std::uint32_t vms = 1;
  bool one_cut = false;
  std::uint32_t channels = 0;
  unsigned threads = 1;
};

Result replay(const trace::Trace& trace, const Shape& run) {
  Options options;
  options.replication = {run.vms, 0};
  options.one_cut = run.one_cut;
  options.channels = run.channels;
  options.threads = run.threads;
  options.repeat = 3;
  options.service_time_ns = trace.service_time_ns;
  return replay::run(trace, *vmbs_vsp_storvsp(), options, no_progress);
}

TEST(Replay, ShapesOfChannelsAndEpochs) {
  const trace::Trace trace = small_trace();
  struct Case {
    Shape run;
    std::uint32_t channels, epochs;
  };
  for (const Case& c :
       {Case{{}, 2, 1}, Case{{.channels = 1}, 1, 1}, Case{{.vms = 5}, 10, 5}, Case{{.vms = 5, .one_cut = true}, 10, 1},
        Case{{.vms = 5, .one_cut = true, .channels = 3}, 3, 1}, Case{{.vms = 5, .channels = 4, .threads = 2}, 20, 5}}) {
    const Result result = replay(trace, c.run);
    EXPECT_EQ(result.difference, "");
    EXPECT_TRUE(result.verified && result.restored);
    EXPECT_EQ(result.channels, c.channels);
    EXPECT_EQ(result.epochs, c.epochs);
    EXPECT_EQ(result.packets_in_use, 3u * c.run.vms);
    EXPECT_EQ(result.save_ns.size(), 3u);
  }
}

TEST(Replay, EveryPlanIsVerifiedAndRestored) {
  const trace::Trace trace = small_trace();
  for (const SavePlan plan : {SavePlan::kAuto, SavePlan::kExact, SavePlan::kFused}) {
    Options options;
    options.repeat = 3;
    options.plan = plan;
    const Result result = run(trace, *vmbs_vsp_storvsp(), options, no_progress);
    EXPECT_TRUE(result.verified && result.restored) << plan_name(plan);
    EXPECT_EQ(result.plan, plan == SavePlan::kExact ? SavePlan::kExact : SavePlan::kFused) << plan_name(plan);
  }
}

TEST(Replay, SaveAtAnInstant) {
  const trace::Trace trace = small_trace();
  Options options;
  options.repeat = 1;
  options.save_at_ns = 19;
  EXPECT_EQ(run(trace, *vmbs_vsp_storvsp(), options, no_progress).packets_in_use, 2u);
  options.save_at_ns = 21;
  EXPECT_THROW(run(trace, *vmbs_vsp_storvsp(), options, no_progress), std::runtime_error);
}

TEST(Replay, TooManyChannelsInOneCutAreRefused) {
  EXPECT_THROW(replay(small_trace(), {.vms = 1024, .one_cut = true}), std::runtime_error);
}

TEST(Replay, ProfilesReachTheMeasuredPeaks) {
  EXPECT_EQ(replay(trace::from_profile("cloudphysics"), {}).packets_in_use, 214u);
  const Result result = replay(trace::from_profile("open-cas"), {.threads = 2});
  EXPECT_EQ(result.packets_in_use, 1098u);
  EXPECT_TRUE(result.verified && result.restored);
  EXPECT_THROW(trace::from_profile("none"), std::runtime_error);
}

VMBS_VSP_REQUEST longest_request(std::uint64_t record) {
  VMBS_VSP_REQUEST r{};
  r.record = record;
  r.bytes = 262144;
  r.first_byte = 4095;
  return r;
}

TEST(Machine, RingsHaveRoomForTheWholeQuota) {
  for (const std::uint32_t quota : {1u, 46u, 47u, 4096u}) {
    Machine machine(*vmbs_vsp_storvsp(), {1, 1}, {&quota, 1});
    machine.start();
    for (int round = 0; round < 2; ++round) {
      for (std::uint32_t i = 0; i < quota; ++i) machine.submit(0, longest_request(i));
      EXPECT_EQ(machine.in_use(), quota);
      machine.complete_all();
    }
    EXPECT_EQ(machine.delivered(), 2 * std::uint64_t{quota});
  }
}

TEST(Machine, OneRequestMoreThanTheQuotaIsAFailedCheck) {
  const std::uint32_t quota = 46;
  Machine machine(*vmbs_vsp_storvsp(), {1, 1}, {&quota, 1});
  machine.start();
  for (std::uint32_t i = 0; i < quota; ++i) machine.submit(0, longest_request(i));
  EXPECT_THROW(machine.submit(0, longest_request(quota)), CheckFailed);
}

using Complete = decltype(VMBS_VSP::complete);

// What is in use in the end goes with the machine, which waits for nobody.
void expect_failed_checks(Complete complete) {
  VMBS_VSP vsp = *vmbs_vsp_storvsp();
  vsp.configure = [](VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend) {
    const NTSTATUS status = vmbs_vsp_storvsp()->configure(channel, backend);
    return NT_SUCCESS(status) ? VmbsChannelInitSetMaximumSends(channel, 4) : status;
  };
  vsp.complete = complete;
  const std::uint32_t quota = 8;
  Machine machine(vsp, {1, 1}, {&quota, 1});
  machine.start();
  for (std::uint64_t record = 0; record < 3; ++record) machine.submit(0, longest_request(record));
  EXPECT_THROW(machine.complete(1), CheckFailed);
  EXPECT_THROW(machine.complete(2), CheckFailed);
}

TEST(Machine, SeesALostCompletion) {
  expect_failed_checks([](VMBPACKETCOMPLETION, NTSTATUS) {});
  expect_failed_checks([](VMBPACKETCOMPLETION packet, NTSTATUS) { VmbChannelPacketFail(packet); });
}

TEST(Machine, SeesACompletionTooManyOrOfAnotherRequest) {
  static VMBPACKETCOMPLETION kept;
  kept = nullptr;
  expect_failed_checks([](VMBPACKETCOMPLETION packet, NTSTATUS status) {
    if (kept != nullptr) vmbs_vsp_storvsp()->complete(packet, status);
    if (kept != nullptr) vmbs_vsp_storvsp()->complete(kept, status);
    kept = packet;
  });
  kept = nullptr;
  expect_failed_checks([](VMBPACKETCOMPLETION packet, NTSTATUS status) {
    if (kept != nullptr) vmbs_vsp_storvsp()->complete(kept, status);
    kept = packet;
  });
}

TEST(Machine, SeesAPacketThatIsNoCompletion) {
  expect_failed_checks([](VMBPACKETCOMPLETION packet, NTSTATUS status) {
    std::uint64_t bytes = 0;
    EXPECT_EQ(VmbPacketSend(VmbPacketAllocate(VmbPacketGetChannel(packet)), &bytes, sizeof bytes, nullptr, 0),
              STATUS_SUCCESS);
    vmbs_vsp_storvsp()->complete(packet, status);
  });
}

TEST(Machine, RestoredRequestsCompleteOverRingsOfTheirOwn) {
  const std::uint32_t quotas[] = {46, 47};
  const VMBS_VSP& vsp = *vmbs_vsp_storvsp();
  Machine source(vsp, {1, 2}, quotas);
  source.start();
  for (std::uint32_t i = 0; i < 93; ++i) source.submit(i % 2 == 0 ? 1 : 0, longest_request(i));
  Machine destination(vsp, {1, 2}, quotas);
  EXPECT_EQ(destination.restore(0, gather(source.save(0, {}).image), nullptr).packets, 93u);
  destination.start();
  EXPECT_EQ(destination.in_use(), 0u) << "nothing is re-issued yet";
  destination.reissue();
  EXPECT_EQ(destination.in_use(), 93u);
  destination.complete_all();
  EXPECT_EQ(destination.delivered(), 93u);
  source.complete_all();
  EXPECT_EQ(source.delivered(), 93u);
}

// The check itself: any difference between image and trace must be seen.
// The next machine may lie where it lay, and its channels would be the other's too.
TEST(Machine, OneThatCannotBeMadeLeavesNoChannels) {
  static int configured;
  VMBS_VSP failing = *vmbs_vsp_storvsp();
  failing.configure = [](VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend) {
    return ++configured % 2 == 0 ? STATUS_INSUFFICIENT_RESOURCES : vmbs_vsp_storvsp()->configure(channel, backend);
  };
  const std::uint32_t quotas[] = {64, 64};
  for (int i = 0; i < 8; ++i) {
    configured = 0;
    EXPECT_THROW(Machine(failing, {1, 2}, quotas), bench::OutOfResources);
    Machine sound(*vmbs_vsp_storvsp(), {1, 2}, quotas);
    sound.start();
    EXPECT_EQ(sound.save(0, {}).report.channels, 2u);
  }
}

TEST(Replay, MoreRequestsAtATimeThanASaveHoldsAreAClearError) {
  trace::Trace trace;
  trace.queues = {0};
  for (std::uint64_t i = 0; i <= 1u << 20; ++i) trace.requests.push_back(request(i, trace::kNoCompletion));
  try {
    (void)run(trace, *vmbs_vsp_storvsp(), {}, no_progress);
    FAIL() << "nobody has noticed";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "1048577 requests in use at a time, a save holds at most 1048576: if their completions are not in the "
                 "trace, assume a --service-time");
  }
}

TEST(Verify, SeesEveryDifference) {
  const VMBS_VSP& vsp = *vmbs_vsp_storvsp();
  const std::uint32_t quotas[] = {64};
  Machine machine(vsp, {1, 1}, quotas);
  machine.start();
  ExpectedChannels expected(1);
  for (std::uint64_t record = 0; record < 30; ++record) {
    VMBS_VSP_REQUEST r{};
    r.record = record;
    r.lba = record * 100;
    r.tag = record;
    r.bytes = 4096;
    r.operation = VMBS_VSP_WRITE;
    machine.submit(0, r);
    expected[0].push_back(r);
  }
  const std::vector<std::byte> image = gather(machine.save(0, {}).image);
  EXPECT_EQ(difference(image, expected, vsp), "");
  const auto changed = [&](auto&& change) {
    ExpectedChannels other = expected;
    change(other[0]);
    return difference(image, other, vsp);
  };
  EXPECT_NE(changed([](auto& c) { c.pop_back(); }), "");
  EXPECT_NE(changed([](auto& c) { c.push_back(c.back()); }), "");
  EXPECT_NE(changed([](auto& c) { std::swap(c[3], c[4]); }), "");
  EXPECT_NE(changed([](auto& c) { c[7].lba += 1; }), "");
  EXPECT_NE(changed([](auto& c) { c[7].bytes += 512; }), "");
  EXPECT_NE(changed([](auto& c) { c[7].tag += 1; }), "");
  EXPECT_NE(changed([](auto& c) { c[7].operation = VMBS_VSP_READ; }), "");
  EXPECT_NE(changed([](auto& c) { c[29].record = 77; }), "");
  EXPECT_NE(difference(image, expected, vsp, Checksums::kLeftOut), "") << "the image has checksums";
  std::vector<std::byte> damaged = image;
  damaged[damaged.size() / 2] ^= std::byte{1};
  EXPECT_NE(difference(damaged, expected, vsp), "");
  machine.complete_all();
  EXPECT_EQ(machine.delivered(), 30u);
}

TEST(Verify, ReadsImagesWithoutChecksumsWhenToldTo) {
  const VMBS_VSP& vsp = *vmbs_vsp_storvsp();
  const std::uint32_t quotas[] = {64, 64};
  Machine machine(vsp, {1, 2}, quotas);
  machine.start();
  ExpectedChannels expected(2);
  for (std::uint64_t record = 0; record < 30; ++record) {
    machine.submit(record % 2, longest_request(record));
    expected[record % 2].push_back(longest_request(record));
  }
  const std::vector<std::byte> image = gather(machine.save(0, {.checksum = false}).image);
  EXPECT_EQ(difference(image, expected, vsp, Checksums::kLeftOut), "");
  EXPECT_NE(difference(image, expected, vsp), "") << "a zero is no checksum";
  const auto streams = std::span(image).subspan(128, image.size() - 128 - 64);
  EXPECT_EQ(bench::streams_difference(streams, expected, vsp, Checksums::kLeftOut), "");
  EXPECT_NE(bench::streams_difference(image, expected, vsp, Checksums::kLeftOut), "");
  EXPECT_NE(bench::streams_difference(std::span(image).subspan(128), expected, vsp, Checksums::kLeftOut), "");
  std::vector<std::byte> damaged = image;
  damaged[damaged.size() / 2] ^= std::byte{1};
  EXPECT_NE(difference(damaged, expected, vsp, Checksums::kLeftOut), "");
}

TEST(Machine, KnowsItsPackets) {
  const std::uint32_t quotas[] = {64, 64, 64, 64};
  Machine machine(*vmbs_vsp_storvsp(), {2, 2}, quotas);
  machine.start();
  machine.submit(3, longest_request(0));
  ASSERT_EQ(machine.channels().size(), 4u);
  EXPECT_EQ(VmbPacketGetChannel(machine.packet(1)), machine.channels()[3]);
  EXPECT_EQ(&machine.vm(1), machine.channels()[3]->vm);
  EXPECT_NE(&machine.vm(0), &machine.vm(1));
  EXPECT_THROW((void)machine.packet(2), CheckFailed);
  machine.complete(1);
  EXPECT_THROW((void)machine.packet(1), CheckFailed);
}

TEST(Images, AreComparedWhole) {
  const std::uint32_t quota = 64;
  Machine machine(*vmbs_vsp_storvsp(), {1, 1}, {&quota, 1});
  machine.start();
  machine.submit(0, longest_request(0));
  const bench::SavedDomain saved = machine.save(0, {});
  std::vector<std::byte> bytes = gather(saved.image);
  EXPECT_TRUE(is_same(saved.image, bytes));
  EXPECT_FALSE(is_same(saved.image, std::span(bytes).first(bytes.size() - 1)));
  bytes.back() ^= std::byte{1};
  EXPECT_FALSE(is_same(saved.image, bytes));
}

TEST(Percentiles, AreNullWithFewerThanTenSamplesBeyond) {
  std::vector<std::uint64_t> samples;
  for (std::uint64_t i = 1; i <= 999; ++i) samples.push_back(i);
  EXPECT_EQ(report::percentiles(samples).p50, 500u);
  EXPECT_EQ(report::percentiles(samples).p99, std::nullopt);
  samples.push_back(1000);
  EXPECT_EQ(report::percentiles(samples).p99, 990u);
  EXPECT_EQ(report::percentiles(samples).max, 1000u);
  EXPECT_EQ(report::percentiles({}).max, std::nullopt);
  samples.resize(19);
  EXPECT_EQ(report::percentiles(samples).p50, std::nullopt);
}

}  // namespace
}  // namespace vmbsave::replay
