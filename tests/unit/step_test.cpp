// A save that a VSP's own test steps through: what it sees before and after each call, what may happen in between, and
// that a save which fails at any point leaves everything as it was.
#include "vmbsave/step.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

using StepKey = std::tuple<UINT64, UINT32>;  // transaction id, call

VMBS_STEPPER begin_steps(VMBCHANNEL channel, UINT32 plan) {
  VMBS_STEPPER stepper = nullptr;
  EXPECT_EQ(VmbsStepBegin(channel, plan, &stepper), STATUS_SUCCESS);
  return stepper;
}

std::vector<StepKey> step_to_the_end(VMBS_STEPPER stepper) {
  std::vector<StepKey> calls;
  VMBS_STEP step;
  while (VmbsStepNext(stepper, &step) == STATUS_SUCCESS) calls.emplace_back(step.TransactionId, step.Call);
  return calls;
}

// Of SavePacket.
void count_calls(Endpoint& vsp, unsigned& calls) {
  vsp.on_save = [&calls](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    ++calls;
    return Endpoint::plain_save(packet, buf, size, needed);
  };
}

TEST(Step, ExactPlanSizesEveryPacketAndThenSavesEach) {
  Endpoint vsp;
  for (UINT64 id = 1; id <= 3; ++id) ASSERT_TRUE(vsp.receive(id, id == 2 ? 0 : 40));
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_EXACT);
  EXPECT_EQ(step_to_the_end(stepper), (std::vector<StepKey>{{1, VMBS_STEP_SIZING},
                                                            {2, VMBS_STEP_SIZING},
                                                            {3, VMBS_STEP_SIZING},
                                                            {1, VMBS_STEP_SAVING},
                                                            {3, VMBS_STEP_SAVING}}));
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
}

TEST(Step, TellsWhatACallIsGivenAndWhatItDid) {
  Endpoint vsp;
  const VMBPACKET packet = vsp.receive_one(100, 7);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_EXACT);
  VMBS_STEP step;
  ASSERT_EQ(VmbsStepPeek(stepper, &step), STATUS_SUCCESS);
  EXPECT_EQ(step.Call, UINT32{VMBS_STEP_SIZING});
  EXPECT_EQ(step.SaveBufSize, 0u);
  EXPECT_EQ(step.Channel, vsp.channel);
  EXPECT_EQ(step.Packet, packet);
  EXPECT_EQ(step.TransactionId, 7u);
  EXPECT_EQ(step.Status, STATUS_PENDING);
  ASSERT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
  EXPECT_EQ(step.Status, STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(step.BytesNeeded, 100u);
  EXPECT_EQ(step.SaveBuf, nullptr);
  ASSERT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
  EXPECT_EQ(step.Call, UINT32{VMBS_STEP_SAVING});
  EXPECT_EQ(step.Status, STATUS_SUCCESS);
  ASSERT_EQ(step.SaveBufSize, 100u);
  ASSERT_NE(step.SaveBuf, nullptr);
  EXPECT_EQ(Bytes(step.SaveBuf, step.SaveBuf + 100), Bytes(100, 7));
  EXPECT_EQ(VmbsStepNext(stepper, &step), STATUS_NO_MORE_ENTRIES);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
}

TEST(Step, NoCallIsMadeBeforeItsStep) {
  Endpoint vsp;
  unsigned calls = 0;
  count_calls(vsp, calls);
  vsp.fill(10);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_FUSED);
  VMBS_STEP step;
  for (unsigned made = 0; VmbsStepPeek(stepper, &step) == STATUS_SUCCESS; ++made) {
    EXPECT_EQ(VmbsStepPeek(stepper, &step), STATUS_SUCCESS);
    EXPECT_EQ(calls, made);
    EXPECT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
    EXPECT_EQ(calls, made + 1);
  }
  EXPECT_EQ(calls, 20u);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
}

// Steps are those of a save like any other.
class StepPlan : public testing::TestWithParam<UINT32> {};
INSTANTIATE_TEST_SUITE_P(Both, StepPlan, testing::Values(VMBS_PLAN_EXACT, VMBS_PLAN_FUSED),
                         [](const auto& test) { return test.param == VMBS_PLAN_EXACT ? "Exact" : "Fused"; });

TEST_P(StepPlan, TheImageIsThatOfASaveInOne) {
  Endpoint vsp;
  vsp.fill(150);
  const Bytes in_one = save_and_end(vsp.channel);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, GetParam());
  EXPECT_GE(step_to_the_end(stepper).size(), 150u);
  Bytes in_steps;
  EXPECT_EQ(save_continue(vsp.channel, &in_steps), STATUS_SUCCESS);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
  EXPECT_EQ(saved_states(in_steps), saved_states(in_one));
  EXPECT_EQ(saved_states(in_steps).size(), 150u);
}

TEST_P(StepPlan, EveryChannelOfTheVmIsInIt) {
  Parent parent;
  Endpoint first({.parent = parent});
  Endpoint second({.parent = parent});
  first.fill(3);
  second.fill(30);
  VMBS_STEPPER stepper = begin_steps(second.channel, GetParam());
  std::vector<unsigned> calls(2);
  VMBS_STEP step;
  while (VmbsStepNext(stepper, &step) == STATUS_SUCCESS) ++calls[step.Channel == second.channel];
  EXPECT_GE(calls[0], 6u);
  EXPECT_GE(calls[1], 60u);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
  EXPECT_EQ(saved_states(save_and_end(first.channel)).size(), 3u);
}

TEST_P(StepPlan, APacketIsCompletedBetweenItsCalls) {
  Endpoint vsp;
  vsp.fill(5);
  const VMBPACKET packet = vsp.packets[2];
  VMBS_STEPPER stepper = begin_steps(vsp.channel, GetParam());
  VMBS_STEP step;
  ASSERT_EQ(VmbsStepTo(stepper, packet, VMBS_STEP_SAVING, &step), STATUS_SUCCESS);
  vsp.complete(packet);
  EXPECT_EQ(vsp.completions(), std::vector<UINT64>{});
  ASSERT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
  EXPECT_EQ(step.Packet, packet);
  EXPECT_EQ(step.Status, STATUS_SUCCESS);
  (void)step_to_the_end(stepper);
  EXPECT_EQ(vsp.completions(), std::vector<UINT64>{});
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
  EXPECT_EQ(vsp.completions(), std::vector<UINT64>{3});
}

TEST_P(StepPlan, AStateThatGrowsBetweenItsCallsFailsTheSave) {
  Endpoint vsp;
  const VMBPACKET packet = vsp.receive_one(100);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, GetParam());
  VMBS_STEP step;
  ASSERT_EQ(VmbsStepTo(stepper, packet, VMBS_STEP_SAVING, &step), STATUS_SUCCESS);
  static_cast<Request*>(VmbsPacketGetClientContext(packet))->state_bytes = 200;
  ASSERT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
  EXPECT_EQ(step.Status, STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(step.BytesNeeded, 200u);
  EXPECT_EQ(VmbsStepPeek(stepper, &step), STATUS_INVALID_BUFFER_SIZE);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_INVALID_BUFFER_SIZE);
}

// ---- failing at a point ------------------------------------------------------------------------------------------

TEST_P(StepPlan, ASaveThatFailsAtAnyPointLeavesEveryPacketInUse) {
  constexpr UINT32 kPackets = 12;
  Endpoint vsp;
  vsp.fill(kPackets);
  VMBS_STEPPER whole = begin_steps(vsp.channel, GetParam());
  const std::size_t points = step_to_the_end(whole).size();
  EXPECT_EQ(VmbsStepEnd(whole), STATUS_SUCCESS);
  for (std::size_t point = 0; point < points; ++point) {
    SCOPED_TRACE(point);
    VMBS_STEPPER stepper = begin_steps(vsp.channel, GetParam());
    VMBS_STEP step;
    for (std::size_t i = 0; i < point; ++i) ASSERT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
    ASSERT_EQ(VmbsStepFail(stepper, STATUS_IO_TIMEOUT), STATUS_SUCCESS);
    EXPECT_EQ(VmbsStepNext(stepper, &step), STATUS_IO_TIMEOUT);
    EXPECT_EQ(VmbsStepFail(stepper, STATUS_UNSUCCESSFUL), STATUS_IO_TIMEOUT);
    EXPECT_EQ(VmbsStepEnd(stepper), STATUS_IO_TIMEOUT);
    EXPECT_EQ(vsp.statistics().IncomingInUse, kPackets);
  }
  EXPECT_EQ(saved_states(save_and_end(vsp.channel)).size(), std::size_t{kPackets});
  vsp.complete_all();
  EXPECT_EQ(vsp.completions(), ids_up_to(kPackets));
}

TEST(Step, NoFurtherCallIsMadeOnceItHasFailed) {
  Endpoint vsp;
  unsigned calls = 0;
  count_calls(vsp, calls);
  vsp.fill(10);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_EXACT);
  VMBS_STEP step;
  ASSERT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
  EXPECT_EQ(VmbsStepFail(stepper, STATUS_UNSUCCESSFUL), STATUS_SUCCESS);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_UNSUCCESSFUL);
  EXPECT_EQ(calls, 1u);
}

TEST(Step, ASaveThatIsNotComplete_IsGivenUp) {
  Endpoint vsp;
  vsp.fill(10);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_EXACT);
  VMBS_STEP step;
  ASSERT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
  vsp.complete(vsp.packets.front());
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_CANCELLED);
  EXPECT_EQ(vsp.completions(), std::vector<UINT64>{1});
  EXPECT_EQ(saved_states(save_and_end(vsp.channel)).size(), 9u);
}

TEST(Step, WithoutAStepTheSaveIsGivenUpToo) {
  Endpoint vsp;
  vsp.fill(2);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_AUTO);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_CANCELLED);
  EXPECT_EQ(saved_states(save_and_end(vsp.channel)).size(), 2u);
}

TEST(Step, AnExceptionIsAFailureOfItsCall) {
  Endpoint vsp;
  vsp.on_save = [](VMBPACKET, PVOID, UINT32, PUINT32) -> NTSTATUS { throw std::runtime_error("of the VSP"); };
  vsp.fill(2);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_AUTO);
  VMBS_STEP step;
  ASSERT_EQ(VmbsStepNext(stepper, &step), STATUS_SUCCESS);
  EXPECT_EQ(step.Status, STATUS_UNHANDLED_EXCEPTION);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_UNHANDLED_EXCEPTION);
}

// ---- beside other calls ------------------------------------------------------------------------------------------

TEST(Step, AChannelThatIsDisabledAfterItsImageIsDiscarded) {
  Endpoint vsp;
  vsp.fill(4);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_EXACT);
  (void)step_to_the_end(stepper);
  Bytes image;
  EXPECT_EQ(save_continue(vsp.channel, &image), STATUS_SUCCESS);
  VmbChannelDisable(vsp.channel);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
  EXPECT_EQ(saved_states(image).size(), 4u);
  vsp.complete_all();
  EXPECT_EQ(vsp.completions(), std::vector<UINT64>{});
}

TEST(Step, AChannelMayBeDisabledBeforeTheFirstStep) {
  Parent parent;
  Endpoint stays({.parent = parent});
  Endpoint goes({.parent = parent});
  stays.fill(2);
  VMBS_STEPPER stepper = begin_steps(goes.channel, VMBS_PLAN_EXACT);
  VmbChannelDisable(goes.channel);
  EXPECT_EQ(step_to_the_end(stepper).size(), 4u);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
  EXPECT_EQ(saved_states(save_and_end(stays.channel)).size(), 2u);
}

TEST(Step, AnImageThatWasSavedWithoutStepsHasNone) {
  Endpoint vsp;
  vsp.fill(4);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_EXACT);
  EXPECT_EQ(save_continue(vsp.channel), STATUS_SUCCESS);
  VMBS_STEP step;
  EXPECT_EQ(VmbsStepPeek(stepper, &step), STATUS_NO_MORE_ENTRIES);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
}

TEST(Step, TheVmsOwnOptionsStay) {
  Endpoint vsp;
  vsp.set_options([](VMBS_SAVE_OPTIONS& options) {
    options.Executor = VMBS_EXECUTOR_THREADS;
    options.Threads = 2;
    options.SerialBelow = 0;
    options.Plan = VMBS_PLAN_FUSED;
  });
  vsp.fill(100);
  VMBS_STEPPER stepper = begin_steps(vsp.channel, VMBS_PLAN_EXACT);
  (void)step_to_the_end(stepper);
  EXPECT_EQ(vsp.save_statistics().Threads, 1u);
  EXPECT_EQ(vsp.save_statistics().Plan, UINT32{VMBS_PLAN_EXACT});
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
  (void)save_and_end(vsp.channel, 64);  // no room for a channel's own save
  EXPECT_EQ(vsp.save_statistics().Threads, 2u);
  EXPECT_EQ(vsp.save_statistics().Plan, UINT32{VMBS_PLAN_FUSED});
}

TEST(Step, OneSaveAtATime) {
  Parent parent;
  Endpoint first({.parent = parent});
  Endpoint second({.parent = parent});
  VMBS_STEPPER stepper = begin_steps(first.channel, VMBS_PLAN_AUTO);
  VMBS_STEPPER other = stepper;
  EXPECT_EQ(VmbsStepBegin(second.channel, VMBS_PLAN_AUTO, &other), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_CANCELLED);
  // One that another channel has begun, with threads of its own, is not stepped.
  ASSERT_EQ(VmbChannelSaveBegin(first.channel), STATUS_SUCCESS);
  EXPECT_EQ(VmbsStepBegin(second.channel, VMBS_PLAN_AUTO, &other), STATUS_INVALID_DEVICE_STATE);
  VmbChannelSaveEnd(first.channel);
}

TEST(Step, AChannelThatCannotBeSavedUndoesTheBegin) {
  Parent parent;
  Endpoint saved({.parent = parent});
  saved.fill(2);
  const Bytes image = save_and_end(saved.channel);
  Endpoint restoring({.parent = parent, .start = false});
  ASSERT_EQ(restore(restoring.channel, image, 0, chunk_sizes(image).front()), STATUS_MORE_PROCESSING_REQUIRED);
  VMBS_STEPPER stepper = nullptr;
  EXPECT_EQ(VmbsStepBegin(saved.channel, VMBS_PLAN_AUTO, &stepper), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(stepper, nullptr);
  restoring.cleanup();
  EXPECT_EQ(saved_states(save_and_end(saved.channel)).size(), 2u);
}

TEST(Step, WhatIsNoStepperOrNoErrorIsRefused) {
  Endpoint vsp;
  vsp.fill(1);
  VMBS_STEPPER stepper = nullptr;
  VMBS_STEP step;
  EXPECT_EQ(VmbsStepBegin(nullptr, VMBS_PLAN_AUTO, &stepper), STATUS_INVALID_PARAMETER_1);
  EXPECT_EQ(VmbsStepBegin(vsp.channel, 3, &stepper), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbsStepBegin(vsp.channel, VMBS_PLAN_AUTO, nullptr), STATUS_INVALID_PARAMETER_3);
  EXPECT_EQ(VmbsStepPeek(nullptr, &step), STATUS_INVALID_PARAMETER_1);
  EXPECT_EQ(VmbsStepNext(nullptr, &step), STATUS_INVALID_PARAMETER_1);
  EXPECT_EQ(VmbsStepTo(nullptr, vsp.packets[0], VMBS_STEP_SIZING, &step), STATUS_INVALID_PARAMETER_1);
  EXPECT_EQ(VmbsStepFail(nullptr, STATUS_UNSUCCESSFUL), STATUS_INVALID_PARAMETER_1);
  EXPECT_EQ(VmbsStepEnd(nullptr), STATUS_SUCCESS);
  stepper = begin_steps(vsp.channel, VMBS_PLAN_AUTO);
  EXPECT_EQ(VmbsStepPeek(stepper, nullptr), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbsStepNext(stepper, nullptr), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbsStepTo(stepper, vsp.packets[0], 3, &step), STATUS_INVALID_PARAMETER_3);
  for (const NTSTATUS no_error :
       {STATUS_SUCCESS, STATUS_PENDING, STATUS_BUFFER_TOO_SMALL, STATUS_BUFFER_OVERFLOW, STATUS_NO_MORE_ENTRIES}) {
    EXPECT_EQ(VmbsStepFail(stepper, no_error), STATUS_INVALID_PARAMETER_2);
  }
  EXPECT_EQ(step_to_the_end(stepper).size(), 2u);
  EXPECT_EQ(VmbsStepFail(stepper, STATUS_UNSUCCESSFUL), STATUS_NO_MORE_ENTRIES);
  EXPECT_EQ(VmbsStepEnd(stepper), STATUS_SUCCESS);
}

}  // namespace
}  // namespace vmbsave::test
