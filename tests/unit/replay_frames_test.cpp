// Traces of frames: on a network VSP, in both directions.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "json_schema.hpp"
#include "report/replay_report.hpp"
#include "scenarios/replay/frames.hpp"
#include "scenarios/replay/replay.hpp"
#include "scenarios/replay/schedule.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "scenarios/vm/verify.hpp"
#include "trace/profile.hpp"
#include "vsp/netvsp/netvsp.h"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::replay {
namespace {

trace::Request frame(std::uint64_t submit, trace::Operation operation, std::uint32_t bytes, std::uint16_t queue = 0) {
  return {.submit_ns = submit,
          .complete_ns = trace::kNoCompletion,
          .lba = 0,
          .tag = std::uint64_t{0x1234567890} + queue,
          .bytes = bytes,
          .first_byte = 0,
          .queue = queue,
          .operation = operation};
}

constexpr auto kOut = trace::Operation::kTransmit;
constexpr auto kIn = trace::Operation::kReceive;

// With a service time of 100 and a delay of 50: at 160, the peak, records 1 to 6 are in use, two transmits settled.
trace::Trace frame_trace() {
  trace::Trace trace;
  trace.format = "test";
  trace.requests = {frame(0, kIn, 60),        frame(20, kOut, 1514),   frame(50, kOut, 54, 5),
                    frame(90, kIn, 16162, 5), frame(120, kOut, 16162), frame(160, kOut, 3332, 5),
                    frame(160, kIn, 1514)};
  trace.queues = {0, 5};
  return trace;
}

Options frame_options() {
  Options options;
  options.service_time_ns = 100;
  options.completion_delay_ns = 50;
  options.repeat = 2;
  return options;
}

Result replay_frames(const trace::Trace& trace, const Options& options) {
  return run(trace, *vmbs_vsp_netvsp(), options, [](const char*, std::uint64_t, std::uint64_t) {});
}

TEST(FrameSchedule, TheCompletionOfATransmitIsHeldBack) {
  const trace::Trace trace = frame_trace();
  const Schedule schedule(trace, 100, {}, 50);
  std::string order;
  schedule.for_each_event(UINT64_MAX, [&](const Event& event) {
    order += std::to_string(event.record) + (event.submit ? "+" : event.settle ? "~" : "-") + " ";
    return true;
  });
  EXPECT_EQ(order, "0+ 1+ 2+ 3+ 0- 1~ 4+ 2~ 5+ 6+ 1- 3- 2- 4~ 5~ 6- 4- 5- ");
  const auto settled = [&](std::uint64_t time) {
    std::string records;
    for (const Schedule::InUse& r : schedule.in_use_at(time)) records += r.settled ? "~" : "+";
    return records;
  };
  EXPECT_EQ(settled(119), "+++");
  EXPECT_EQ(settled(120), "~+++");
  EXPECT_EQ(settled(160), "~~++++") << "records 1 to 6";
  EXPECT_EQ(settled(309), "~");
  EXPECT_EQ(settled(310), "");
  EXPECT_EQ(schedule.survey(1, [](std::uint32_t, std::uint32_t) { return 0u; }).peak, 6u);
}

TEST(FrameSchedule, WithoutADelayNothingIsSettled) {
  const trace::Trace trace = frame_trace();
  const Schedule schedule(trace, 100, {});
  schedule.for_each_event(UINT64_MAX, [&](const Event& event) {
    EXPECT_FALSE(event.settle);
    return true;
  });
  for (const Schedule::InUse& r : schedule.in_use_at(119)) EXPECT_FALSE(r.settled);
}

TEST(FrameReplay, BothDirectionsAreInUseAtThePeak) {
  const Result result = replay_frames(frame_trace(), frame_options());
  EXPECT_EQ(result.difference, "");
  EXPECT_TRUE(result.verified && result.restored);
  EXPECT_EQ(result.save_at_ns, 160u);
  EXPECT_EQ(result.packets_in_use, 6u);
  EXPECT_EQ(result.transmits_in_use, 4u);
  EXPECT_EQ(result.transmits_settled, 2u);
  EXPECT_EQ(result.receives_in_use, 2u);
  EXPECT_EQ(result.channels, 2u);
}

TEST(FrameReplay, EveryInstantPlanAndShape) {
  const trace::Trace trace = frame_trace();
  for (const SavePlan plan : {SavePlan::kExact, SavePlan::kFused}) {
    for (const std::uint32_t vms : {1u, 3u}) {
      for (const bool one_cut : {false, true}) {
        for (const std::uint64_t save_at : {0u, 99u, 100u, 120u, 160u, 169u, 170u, 309u, 310u}) {
          Options options = frame_options();
          options.plan = plan;
          options.replication = {vms, 30};
          options.one_cut = one_cut;
          options.save_at_ns = save_at;
          options.channels = one_cut ? 1 : 2;
          options.threads = 2;
          const Result result = replay_frames(trace, options);
          EXPECT_EQ(result.difference, "") << save_at;
          EXPECT_TRUE(result.verified && result.restored) << save_at;
          EXPECT_EQ(result.packets_in_use, result.transmits_in_use + result.receives_in_use);
        }
      }
    }
  }
}

// A channel's own limits do not bend the trace: more at a time than netvsp sends by itself, than there are send
// sections, than the default quota.
TEST(FrameReplay, LimitsFollowTheTrace) {
  trace::Trace trace;
  trace.queues = {0};
  for (std::uint32_t i = 0; i < 5000; ++i) trace.requests.push_back(frame(i, kOut, 60 + i));
  for (std::uint32_t i = 0; i < 3000; ++i) trace.requests.push_back(frame(5000 + i, kIn, 60 + i));
  Options options = frame_options();
  options.service_time_ns = 100'000;
  const Result result = replay_frames(trace, options);
  EXPECT_TRUE(result.verified && result.restored) << result.difference;
  EXPECT_EQ(result.transmits_in_use, 5000u);
  EXPECT_EQ(result.receives_in_use, 3000u);
}

std::string refusal(const trace::Trace& trace) {
  Options options = frame_options();
  options.service_time_ns = 1'000'000;
  try {
    replay_frames(trace, options);
  } catch (const bench::DeviceFull& error) {
    return std::string("full: ") + error.what();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(FrameReplay, MoreReceivesThanTheVnicHasBuffersAreAClearError) {
  const auto receives = [](std::uint32_t count) {
    trace::Trace trace;
    trace.queues = {0};
    for (std::uint32_t i = 0; i < count; ++i) trace.requests.push_back(frame(i, kIn, 1514));
    return trace;
  };
  EXPECT_EQ(refusal(receives(9710)),
            "full: record 9709: no receive buffer is left for a frame of 1514 bytes: 9709 frames hold them");
  EXPECT_EQ(refusal(receives(9709)), "");
}

TEST(FrameReplay, FramesThatNoMessageCarriesAreRefused) {
  for (const auto operation : {kOut, kIn}) {
    trace::Trace trace = frame_trace();
    trace.requests[2] = frame(50, operation, 65554, 5);
    EXPECT_EQ(refusal(trace), "record 2: a frame of 65554 bytes is none that netvsp can carry");
    trace.requests[2].bytes = 65553;
    EXPECT_EQ(refusal(trace), "");
  }
}

TEST(FrameReplay, ATraceIsOfFramesOrOfBlockRequests) {
  trace::Trace trace = frame_trace();
  EXPECT_TRUE(holds_frames(trace));
  trace.requests[3].operation = trace::Operation::kRead;
  EXPECT_THROW(holds_frames(trace), std::runtime_error);
  EXPECT_FALSE(holds_frames(trace::from_profile("cloudphysics")));
}

TEST(FrameReplay, JsonAndTextSayWhatIsInUse) {
  const Options options = frame_options();
  const Result result = replay_frames(frame_trace(), options);
  const nlohmann::ordered_json json = report::replay_json({"smb.pcap", "test", "netvsp", false, true}, options, result);
  tests::Schema(VMBSAVE_SCHEMA).expect_matches(json);
  EXPECT_EQ(json.at("vsp"), "netvsp");
  EXPECT_EQ(json.at("completion_delay_ns"), 50);
  EXPECT_EQ(json.at("transmits_in_use"), 4);
  EXPECT_EQ(json.at("transmits_settled"), 2);
  EXPECT_EQ(json.at("receives_in_use"), 2);
  EXPECT_NE(report::replay_text(json).find("6: 4 transmits, 2 of them settled; 2 receives\n"), std::string::npos);
  nlohmann::ordered_json older = json;
  for (const char* key : {"vsp", "completion_delay_ns", "transmits_in_use", "transmits_settled", "receives_in_use"}) {
    older.erase(key);
  }
  EXPECT_NE(report::replay_text(older).find("packets in use  6\n"), std::string::npos);
}

// ---- the machine's own checks ------------------------------------------------------------------------------------

VMBS_VSP_REQUEST frame_request(std::uint64_t record, std::uint8_t operation) {
  VMBS_VSP_REQUEST r{};
  r.record = record;
  r.bytes = 1514;
  r.operation = operation;
  return r;
}

constexpr std::uint32_t kFrameQuota = 8;

// A machine with transmits 1 to 4, of which 2 was sent and 3 dropped, and record 4 received.
void fill(bench::Machine& machine) {
  machine.start();
  for (std::uint64_t record = 0; record < 4; ++record) machine.submit(0, frame_request(record, VMBS_VSP_TRANSMIT));
  machine.deliver(0, frame_request(4, VMBS_VSP_RECEIVE));
  machine.settle(2, STATUS_SUCCESS);
  machine.settle(3, STATUS_UNSUCCESSFUL);
}

TEST(FrameMachine, EachStatusIsTheOneThatWasAskedFor) {
  bench::Machine machine(*vmbs_vsp_netvsp(), {1, 1}, {&kFrameQuota, 1});
  fill(machine);
  EXPECT_EQ(machine.in_use(), 5u);
  machine.complete(1, STATUS_UNSUCCESSFUL);
  machine.complete_all();
  EXPECT_EQ(machine.delivered(), 4u);
  EXPECT_EQ(machine.answered(), 1u);
  EXPECT_EQ(machine.in_use(), 0u);
}

void restore_as(const VMBS_VSP& vsp) {
  bench::Machine source(*vmbs_vsp_netvsp(), {1, 1}, {&kFrameQuota, 1});
  fill(source);
  bench::Machine destination(vsp, {1, 1}, {&kFrameQuota, 1});
  destination.restore(0, bench::gather(source.save(0, {}).image), nullptr);
  destination.start();
  destination.inherit(source);
  destination.reissue();
  destination.complete_all();
  EXPECT_EQ(destination.delivered(), 4u);
  EXPECT_EQ(destination.answered(), 1u);
}

TEST(FrameMachine, SeesAStatusThatIsNotTrue) {
  restore_as(*vmbs_vsp_netvsp());
  VMBS_VSP optimist = *vmbs_vsp_netvsp();
  optimist.outcome = [](const UINT8*, UINT32, NTSTATUS* status) -> NTSTATUS {
    *status = STATUS_SUCCESS;
    return STATUS_SUCCESS;
  };
  EXPECT_THROW(restore_as(optimist), bench::CheckFailed) << "reports success for what was dropped";
  VMBS_VSP pessimist = *vmbs_vsp_netvsp();
  pessimist.outcome = [](const UINT8*, UINT32, NTSTATUS* status) -> NTSTATUS {
    *status = STATUS_UNSUCCESSFUL;
    return STATUS_SUCCESS;
  };
  EXPECT_THROW(restore_as(pessimist), bench::CheckFailed) << "reports failure for what was sent";
  VMBS_VSP mute = *vmbs_vsp_netvsp();
  mute.reissue = [](VMBCHANNEL) {};
  EXPECT_THROW(restore_as(mute), bench::CheckFailed) << "completes nothing";
  VMBS_VSP liar = *vmbs_vsp_netvsp();
  liar.complete = [](VMBPACKETCOMPLETION packet, NTSTATUS) { vmbs_vsp_netvsp()->complete(packet, STATUS_SUCCESS); };
  bench::Machine machine(liar, {1, 1}, {&kFrameQuota, 1});
  fill(machine);
  EXPECT_THROW(machine.complete(1, STATUS_UNSUCCESSFUL), bench::CheckFailed);
}

TEST(FrameMachine, SeesAFrameThatDoesNotComeOnce) {
  const auto expect_seen = [](decltype(VMBS_VSP::deliver) deliver) {
    VMBS_VSP vsp = *vmbs_vsp_netvsp();
    vsp.deliver = deliver;
    bench::Machine machine(vsp, {1, 1}, {&kFrameQuota, 1});
    machine.start();
    EXPECT_THROW(machine.deliver(0, frame_request(4, VMBS_VSP_RECEIVE)), bench::CheckFailed);
  };
  expect_seen([](VMBCHANNEL, const VMBS_VSP_REQUEST*) -> NTSTATUS { return STATUS_SUCCESS; });
  expect_seen([](VMBCHANNEL channel, const VMBS_VSP_REQUEST* request) -> NTSTATUS {
    vmbs_vsp_netvsp()->deliver(channel, request);
    return vmbs_vsp_netvsp()->deliver(channel, request);
  });
  expect_seen([](VMBCHANNEL channel, const VMBS_VSP_REQUEST* request) -> NTSTATUS {
    VMBS_VSP_REQUEST other = *request;
    other.record += 1;
    return vmbs_vsp_netvsp()->deliver(channel, &other);
  });
}

TEST(FrameMachine, ADeviceThatThereIsNoMemoryForIsAClearError) {
  VMBS_VSP vsp = *vmbs_vsp_netvsp();
  vsp.create_device = []() -> VOID* { return nullptr; };
  EXPECT_THROW(bench::Machine(vsp, {1, 1}, {&kFrameQuota, 1}), bench::OutOfResources);
}

TEST(FrameMachine, SeesAnAnswerThatEndsNothing) {
  bench::Machine machine(*vmbs_vsp_netvsp(), {1, 1}, {&kFrameQuota, 1});
  fill(machine);
  bench::Machine other(*vmbs_vsp_netvsp(), {1, 1}, {&kFrameQuota, 1});
  other.start();
  other.inherit(machine);
  EXPECT_THROW(other.answer(4), bench::CheckFailed) << "there is no such packet";
  EXPECT_THROW(other.answer(5), bench::CheckFailed) << "nor such a record";
}

TEST(FrameVerify, SeesEveryDifference) {
  bench::Machine machine(*vmbs_vsp_netvsp(), {1, 1}, {&kFrameQuota, 1});
  fill(machine);
  bench::ExpectedChannels expected(1);
  for (std::uint64_t record = 0; record < 4; ++record) {
    expected[0].push_back(frame_request(record, VMBS_VSP_TRANSMIT));
  }
  expected[0][1].outcome = VMBS_VSP_SENT;
  expected[0][2].outcome = VMBS_VSP_DROPPED;
  expected[0].push_back(machine.received(4));
  const std::vector<std::byte> image = bench::gather(machine.save(0, {}).image);
  EXPECT_EQ(bench::difference(image, expected, *vmbs_vsp_netvsp()), "");
  const auto changed = [&](auto&& change) {
    bench::ExpectedChannels other = expected;
    change(other[0]);
    return bench::difference(image, other, *vmbs_vsp_netvsp());
  };
  EXPECT_NE(changed([](auto& c) { c[0].outcome = VMBS_VSP_SENT; }), "");
  EXPECT_NE(changed([](auto& c) { c[2].outcome = VMBS_VSP_SENT; }), "");
  EXPECT_NE(changed([](auto& c) { c[4].transaction_id += 1; }), "");
  EXPECT_NE(changed([](auto& c) { c[4].first_buffer += 1; }), "");
  EXPECT_NE(changed([](auto& c) { c[4].buffers += 1; }), "");
  EXPECT_NE(changed([](auto& c) { c[4].operation = VMBS_VSP_TRANSMIT; }), "");
  EXPECT_NE(changed([](auto& c) { c.pop_back(); }), "");
}

}  // namespace
}  // namespace vmbsave::replay
