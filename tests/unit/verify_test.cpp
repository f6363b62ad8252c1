// What vmbsave::verify finds of a VSP that does one thing wrong: that, and nothing else; and of those that do nothing
// wrong nothing.
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "unit/wrong_vsp.hpp"
#include "vmbsave/verify.hpp"
#include "vsp/blob/blob.h"
#include "vsp/netvsp/netvsp.h"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::test {
namespace {

using verify::Call;
using verify::Check;

// Enough to meet the victim, and to use slots again.
verify::Options few_packets() {
  verify::Options options;
  options.packets = 32;
  options.threads = 2;
  return options;
}

std::string numbers_of(const verify::Report& report) {
  std::string numbers;
  for (const verify::Finding& finding : report.findings) {
    numbers += std::string(verify::check_info(finding.check).number) + " (" + finding.detail + ") ";
  }
  return numbers;
}

// ---- one fault, one finding --------------------------------------------------------------------------------------

struct Expected {
  const char* name;
  Fault fault;
  Check check;
  Call call;
  std::uint32_t attempt = 1;
  std::int64_t first_byte = 0;
  std::uint64_t bytes = 0;
};

class VerifyFinds : public testing::TestWithParam<Expected> {};

TEST_P(VerifyFinds, ThatOneThing) {
  const Expected& expected = GetParam();
  const verify::Report report = verify::examine(*wrong_vsp(expected.fault), few_packets());
  EXPECT_EQ(report.not_checked, "");
  ASSERT_EQ(report.findings.size(), 1u) << numbers_of(report);
  const verify::Finding& finding = report.findings.front();
  EXPECT_EQ(finding.check, expected.check) << numbers_of(report);
  EXPECT_EQ(finding.where.call, expected.call) << verify::call_name(finding.where.call);
  EXPECT_EQ(finding.where.attempt, expected.attempt);
  EXPECT_TRUE(finding.where.has_packet);
  EXPECT_FALSE(finding.where.outgoing);
  EXPECT_EQ(finding.where.transaction_id, kVictim);
  EXPECT_EQ(finding.where.channel, 1u);
  EXPECT_EQ(finding.where.first_byte, expected.first_byte);
  EXPECT_EQ(finding.where.bytes, expected.bytes);
  EXPECT_NE(finding.detail, "");
}

constexpr Expected kExpected[] = {
    {"TouchesSizingBuffer", Fault::kTouchesSizingBuffer, Check::kTouchesSizingBuffer, Call::kSizing, 1, 3, 1},
    {"SucceedsWithNeeded", Fault::kSucceedsWithNeeded, Check::kSucceedsWithNeeded, Call::kSizing},
    {"FailsWithoutNeeded", Fault::kFailsWithoutNeeded, Check::kFailsWithoutNeeded, Call::kSizing},
    {"AsksTooMuch", Fault::kAsksTooMuch, Check::kAsksTooMuch, Call::kSizing},
    {"SizesDiffer", Fault::kSizesDiffer, Check::kSizesDiffer, Call::kSizing, 2},
    {"CompletesInside", Fault::kCompletesInside, Check::kCompletesInside, Call::kSizing},
    {"CallsInside", Fault::kCallsInside, Check::kCallsInside, Call::kSizing},
    {"Overruns", Fault::kOverruns, Check::kOverruns, Call::kSaving, 1, kVictimBytes, 1},
    {"Underruns", Fault::kUnderruns, Check::kOverruns, Call::kSaving, 1, -1, 1},
    {"ClaimsMore", Fault::kClaimsMore, Check::kClaimsMore, Call::kSaving},
    {"LeavesNeededUnset", Fault::kLeavesNeededUnset, Check::kLeavesNeededUnset, Call::kSaving},
    {"Shrinks", Fault::kShrinks, Check::kSizesDiffer, Call::kSaving},
    {"Grows", Fault::kGrows, Check::kGrows, Call::kSaving},
    {"SecondCallFails", Fault::kSecondCallFails, Check::kSecondCallFails, Call::kSaving},
    {"Pends", Fault::kPends, Check::kPends, Call::kSaving},
    {"Throws", Fault::kThrows, Check::kThrows, Call::kSaving},
    {"LeavesBytes", Fault::kLeavesBytes, Check::kLeavesBytes, Call::kSaving, 3, kOddByte, 2},
    {"ReadsBuffer", Fault::kReadsBuffer, Check::kReadsBuffer, Call::kSaving, 3, kOddByte, 1},
    {"SavesAddress", Fault::kSavesAddress, Check::kSavesAddress, Call::kSaving, 4, kOddByte, 1},
    {"UnlikeResults", Fault::kUnlikeResults, Check::kUnlikeResults, Call::kSaving, 2, kOddByte, 1},
    {"UnlikeAtTimes", Fault::kUnlikeAtTimes, Check::kUnlikeResults, Call::kSaving, 4, kOddByte, 1},
    {"WantsExactBuffer", Fault::kWantsExactBuffer, Check::kWantsExactBuffer, Call::kSaving, 5},
    {"TakesCapacity", Fault::kTakesCapacity, Check::kWantsExactBuffer, Call::kSaving, 5},
    {"SendsInside", Fault::kSendsInside, Check::kSendsInside, Call::kSaving},
    {"CompletesTwice", Fault::kCompletesTwice, Check::kCompletesTwice, Call::kComplete},
    {"NeverCompletes", Fault::kNeverCompletes, Check::kNeverCompletes, Call::kComplete},
    {"LosesState", Fault::kLosesState, Check::kStateIsLost, Call::kRestore, 1, kOddByte, 1},
    {"ForgetsRestore", Fault::kForgetsRestore, Check::kForgetsRestore, Call::kRestore},
    {"RestoresTwice", Fault::kRestoresTwice, Check::kRestoresTwice, Call::kRestore},
    {"ForeignLibBuf", Fault::kForeignLibBuf, Check::kForeignLibBuf, Call::kRestore},
    {"RefusesOwnState", Fault::kRefusesOwnState, Check::kRefusesOwnState, Call::kRestore},
    {"WritesLibBuf", Fault::kWritesLibBuf, Check::kDamagesRestoreBuffers, Call::kRestore, 1, 3, 1},
    {"WritesSaveBuf", Fault::kWritesSaveBuf, Check::kDamagesRestoreBuffers, Call::kRestore, 1, 3, 1},
    {"OverrunsSaveBuf", Fault::kOverrunsSaveBuf, Check::kDamagesRestoreBuffers, Call::kRestore, 1, kVictimBytes, 1},
    {"CompletesInRestore", Fault::kCompletesInRestore, Check::kCompletesInside, Call::kRestore},
    {"SendsInRestore", Fault::kSendsInRestore, Check::kSendsInside, Call::kRestore},
    {"RestorePends", Fault::kRestorePends, Check::kPends, Call::kRestore},
    {"RestoreThrows", Fault::kRestoreThrows, Check::kThrows, Call::kRestore},
    {"ForgetsRequest", Fault::kForgetsRequest, Check::kForgetsRequest, Call::kReissue},
    {"UnlikeReference", Fault::kUnlikeReference, Check::kUnlikeReference, Call::kSaving, 1, kOddByte, 1},
    {"ReferenceOverruns", Fault::kReferenceOverruns, Check::kUnlikeReference, Call::kReference, 0},
};
INSTANTIATE_TEST_SUITE_P(Faults, VerifyFinds, testing::ValuesIn(kExpected),
                         [](const auto& of) { return std::string(of.param.name); });

// ---- faults that are not of one packet ---------------------------------------------------------------------------

const verify::Finding* only_finding(const verify::Report& report) {
  EXPECT_EQ(report.not_checked, "");
  EXPECT_EQ(report.findings.size(), 1u) << numbers_of(report);
  return report.findings.size() == 1 ? &report.findings.front() : nullptr;
}

TEST(VerifyFindsAlso, ThreadsThatDisturbEachOther) {
  const verify::Report report = verify::examine(*wrong_vsp(Fault::kNotThreadSafe), few_packets());
  const verify::Finding* const finding = only_finding(report);
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->check, Check::kNotThreadSafe);
  EXPECT_EQ(finding->where.call, Call::kSaving);
  EXPECT_TRUE(finding->where.has_packet);
  EXPECT_EQ(finding->where.first_byte, kOddByte);
  EXPECT_EQ(finding->where.bytes, 1u);
}

// Channels are saved at once whatever the VSP allows within one.
TEST(VerifyFindsAlso, ChannelsThatDisturbEachOther) {
  VMBS_VSP serial = *wrong_vsp(Fault::kNotThreadSafe);
  serial.concurrent_callbacks = 0;
  const verify::Report report = verify::examine(serial, few_packets());
  const verify::Finding* const finding = only_finding(report);
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->check, Check::kNotThreadSafe);
  verify::Options one_channel = few_packets();
  one_channel.channels = 1;
  EXPECT_TRUE(verify::examine(serial, one_channel).findings.empty()) << "nothing is called at once";
}

TEST(VerifyFindsAlso, AHandleThatIsKeptTooLong) {
  const verify::Report report = verify::examine(*wrong_vsp(Fault::kCompletesRecycled), few_packets());
  const verify::Finding* const finding = only_finding(report);
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->check, Check::kCompletesTwice);
  EXPECT_EQ(finding->where.call, Call::kComplete);
}

void expect_another_status(Fault fault, std::uint64_t transaction_id, const std::string& words) {
  const verify::Report report = verify::examine(*wrong_vsp(fault), few_packets());
  const verify::Finding* const finding = only_finding(report);
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->check, Check::kTellsAnotherStatus);
  EXPECT_EQ(finding->where.call, Call::kComplete);
  EXPECT_EQ(finding->where.transaction_id, transaction_id);
  EXPECT_NE(finding->detail.find(words), std::string::npos) << finding->detail;
}

TEST(VerifyFindsAlso, ACompletionThatTellsAnotherStatus) {
  expect_another_status(Fault::kTellsSuccess, kVictim, "it tells STATUS_SUCCESS (0x00000000), complete was given");
  expect_another_status(Fault::kTellsFailure, kVictim + 1, "complete was given STATUS_SUCCESS");
  expect_another_status(Fault::kTellsNothing, kVictim, "a completion of 0 bytes that outcome does not understand");
}

TEST(VerifyFindsAlso, AStateThatIsGoneWithACompletionDuringASave) {
  const verify::Report report = verify::examine(*wrong_vsp(Fault::kForgetsTooEarly), few_packets());
  const verify::Finding* const finding = only_finding(report);
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->check, Check::kForgetsTooEarly);
  EXPECT_EQ(finding->where.call, Call::kSizing);
  EXPECT_TRUE(finding->where.has_packet);
  EXPECT_EQ(finding->where.attempt, 3u);
}

TEST(VerifyFindsAlso, PacketsThatAreLeft) {
  const verify::Report report = verify::examine(*wrong_vsp(Fault::kLeaksPackets), few_packets());
  const verify::Finding* const finding = only_finding(report);
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->check, Check::kLeaksPackets);
  EXPECT_EQ(finding->where.call, Call::kTearDown);
  EXPECT_EQ(finding->where.channel, 1u) << "the victim's";
  EXPECT_EQ(finding->detail, "1 packet is left");
}

// A sanitizer's allocator does not tell what is in use.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCountsMemory = false;
#else
constexpr bool kCountsMemory = true;
#endif

TEST(VerifyFindsAlso, MemoryThatIsLost) {
  if (!kCountsMemory) GTEST_SKIP() << "the allocator of a sanitizer";
  for (const auto& [fault, call] :
       {std::pair(Fault::kLeaksWhenSaving, Call::kSaving), std::pair(Fault::kLeaksWhenRestoring, Call::kRestore)}) {
    const verify::Report report = verify::examine(*wrong_vsp(fault), few_packets());
    const verify::Finding* const finding = only_finding(report);
    ASSERT_NE(finding, nullptr);
    EXPECT_EQ(finding->check, Check::kLeaksMemory);
    EXPECT_EQ(finding->where.call, call);
    EXPECT_FALSE(finding->where.has_packet);
  }
}

TEST(VerifyFindsAlso, CallbacksOverTheirBudget) {
  verify::Options options = few_packets();
  options.callback_budget_ns = 400'000;  // the fault takes 500 us
  for (const auto& [fault, call] :
       {std::pair(Fault::kTakesLong, Call::kSaving), std::pair(Fault::kRestoreTakesLong, Call::kRestore)}) {
    const verify::Report report = verify::examine(*wrong_vsp(fault), options);
    const verify::Finding* const finding = only_finding(report);
    ASSERT_NE(finding, nullptr);
    EXPECT_EQ(finding->check, Check::kOverBudget);
    EXPECT_EQ(finding->where.call, call);
    EXPECT_EQ(finding->where.transaction_id, kVictim);
  }
  options.callback_budget_ns = 0;
  EXPECT_TRUE(verify::examine(*wrong_vsp(Fault::kTakesLong), options).findings.empty()) << "no budget";
}

// ---- nothing is found of what is right ---------------------------------------------------------------------------

void expect_nothing(const VMBS_VSP& vsp, const verify::Options& options) {
  const verify::Report report = verify::examine(vsp, options);
  EXPECT_EQ(report.not_checked, "") << vsp.name;
  EXPECT_TRUE(report.findings.empty()) << vsp.name << ": " << numbers_of(report);
  EXPECT_TRUE(report.left_out.empty()) << vsp.name;
  EXPECT_EQ(report.packets, options.packets) << vsp.name;
  EXPECT_GT(report.calls, 10 * report.packets) << vsp.name;
}

TEST(VerifyFindsNothing, OfAVspWithoutAFault) { expect_nothing(*wrong_vsp(Fault::kNone), few_packets()); }

TEST(VerifyFindsNothing, OfTheVspsOfTheBench) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    verify::Options options;
    options.seed = seed;
    expect_nothing(*vmbs_vsp_storvsp(), options);
    expect_nothing(*vmbs_vsp_netvsp(), options);
    for (const int concurrent : {0, 1}) expect_nothing(*vmbs_vsp_blob(16384, concurrent), options);
  }
}

TEST(VerifyFindsNothing, OfOnePacketOrOfManyChannels) {
  verify::Options options;
  options.packets = options.channels = 1;
  expect_nothing(*vmbs_vsp_storvsp(), options);
  options.packets = 300;
  options.channels = 64;
  expect_nothing(*vmbs_vsp_netvsp(), options);
}

// ---- what it says beside findings --------------------------------------------------------------------------------

TEST(VerifyReport, HasTimesBySizeAndTheSlowestPackets) {
  const verify::Report report = verify::examine(*wrong_vsp(Fault::kTakesLong), few_packets());
  std::uint64_t packets = 0;
  for (const verify::SizeTimes& size : report.sizes) {
    packets += size.packets;
    EXPECT_LE(size.sizing.p50, size.sizing.p99);
    EXPECT_LE(size.sizing.p99, size.sizing.max);
    EXPECT_EQ(size.saving.max == 0, size.bytes == 0) << "no second call without a state";
    if (size.bytes == kVictimBytes) {
      EXPECT_GE(size.saving.max, 500'000u);
    }
  }
  EXPECT_EQ(packets, 32u);
  EXPECT_EQ(report.sizes.front().bytes, 0u);
  ASSERT_EQ(report.slowest.size(), 10u);
  EXPECT_EQ(report.slowest.front().transaction_id, kVictim);
  EXPECT_EQ(report.slowest.front().bytes, kVictimBytes);
  EXPECT_GE(report.slowest.front().saving_ns, 500'000u);
  EXPECT_LT(report.slowest.front().sizing_ns, 500'000u);
}

TEST(VerifyReport, CountsHowOftenAndTellsTheFirstTimeAtOnce) {
  std::vector<Check> told;
  verify::Options options = few_packets();
  options.on_finding = [&](const verify::Finding& finding) { told.push_back(finding.check); };
  const verify::Report report = verify::examine(*wrong_vsp(Fault::kLeavesNeededUnset), options);
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings.front().times, 6u) << "second calls of one packet";
  EXPECT_EQ(told, std::vector{Check::kLeavesNeededUnset});
}

TEST(VerifyReport, SaysWhatIsLeftOut) {
  const verify::Report report = verify::examine(*wrong_vsp(Fault::kOverruns), few_packets());
  ASSERT_EQ(report.left_out.size(), 2u);
  EXPECT_NE(report.left_out[0].find("saves by the library"), std::string::npos);
  EXPECT_NE(report.left_out[1].find("RestorePacket"), std::string::npos);
}

TEST(VerifyReport, SaysWhyNothingIsChecked) {
  const auto why = [](const VMBS_VSP& vsp, const verify::Options& options) {
    const verify::Report report = verify::examine(vsp, options);
    EXPECT_TRUE(report.findings.empty());
    return report.not_checked;
  };
  VMBS_VSP vsp = *wrong_vsp(Fault::kNone);
  vsp.version = 1;
  EXPECT_NE(why(vsp, few_packets()).find("version 1"), std::string::npos);
  vsp = *wrong_vsp(Fault::kNone);
  vsp.encode = nullptr;
  EXPECT_NE(why(vsp, few_packets()).find("needs configure, complete and encode"), std::string::npos);
  vsp.encode = [](VOID*, const VMBS_VSP_REQUEST*, VMBS_VSP_PACKET*) -> NTSTATUS { return STATUS_INVALID_PARAMETER; };
  EXPECT_NE(why(vsp, few_packets()).find("no packet stays in use"), std::string::npos);
  vsp.encode = [](VOID*, const VMBS_VSP_REQUEST*, VMBS_VSP_PACKET* packet) -> NTSTATUS {
    packet->range_count = 1'000'000;
    return STATUS_SUCCESS;
  };
  EXPECT_NE(why(vsp, few_packets()).find("0 bytes and 1000000 ranges, which vsp.h does not allow"), std::string::npos);
  vsp.configure = [](VMBCHANNEL, const VMBS_VSP_BACKEND*) -> NTSTATUS { return STATUS_SUCCESS; };
  vsp.release = nullptr;
  EXPECT_NE(why(vsp, few_packets()).find("a maximum packet size of 4096 bytes, expected at most 64"),
            std::string::npos);
  vsp.configure = [](VMBCHANNEL channel, const VMBS_VSP_BACKEND*) -> NTSTATUS {
    return VmbChannelInitSetMaximumPacketSize(channel, 16);
  };
  vsp.release = nullptr;
  EXPECT_NE(why(vsp, few_packets()).find("registers no SavePacket"), std::string::npos);
  vsp.configure = [](VMBCHANNEL, const VMBS_VSP_BACKEND*) -> NTSTATUS { return STATUS_UNSUCCESSFUL; };
  EXPECT_NE(why(vsp, few_packets()).find("configure failed: STATUS_UNSUCCESSFUL"), std::string::npos);
  verify::Options odd = few_packets();
  odd.channels = 33;
  EXPECT_NE(why(*wrong_vsp(Fault::kNone), odd).find("no more channels than packets"), std::string::npos);
}

// ---- who watches -------------------------------------------------------------------------------------------------

verify::Journal journal_inside(Call call) {
  verify::Journal journal;
  verify::JournalLane& lane = journal.lanes[0];
  lane.call = static_cast<std::uint32_t>(call);
  lane.attempt = 6;
  lane.channel = 1;
  lane.has_packet = 1;
  lane.transaction_id = kVictim;
  lane.thread = 77;
  lane.save_buf.first = 0x10000;
  lane.save_buf.bytes = 32;
  lane.save_buf.room_first = 0xF000;
  lane.save_buf.room_end = 0x12000;
  return journal;
}

TEST(VerifyJournal, SaysWhatWasTouchedAroundABuffer) {
  const std::pair<Call, Check> expected[] = {{Call::kSizing, Check::kTouchesSizingBuffer},
                                             {Call::kSaving, Check::kOverruns},
                                             {Call::kRestore, Check::kDamagesRestoreBuffers}};
  for (const auto& [call, check] : expected) {
    const verify::Finding finding = verify::crash_finding(
        journal_inside(call), {.what = "SIGSEGV", .thread = 77, .has_address = true, .address = 0x10020});
    EXPECT_EQ(finding.check, check);
    EXPECT_EQ(finding.where.call, call);
    EXPECT_EQ(finding.where.attempt, 6u);
    EXPECT_EQ(finding.where.transaction_id, kVictim);
    EXPECT_EQ(finding.where.first_byte, 32);
    EXPECT_EQ(finding.where.bytes, 1u);
  }
}

TEST(VerifyJournal, SaysThatItCrashedElsewhereOrHangs) {
  const verify::Journal journal = journal_inside(Call::kSaving);
  EXPECT_TRUE(verify::is_inside(journal));
  EXPECT_FALSE(verify::is_inside(verify::Journal()));
  for (const std::uint64_t address : {0xEFFFull, 0x12000ull, 16ull}) {
    const verify::Finding finding =
        verify::crash_finding(journal, {.what = "SIGSEGV", .has_address = true, .address = address});
    EXPECT_EQ(finding.check, Check::kCrashes) << address;
    EXPECT_EQ(finding.where.transaction_id, kVictim) << address;
  }
  const verify::Finding finding = verify::hang_finding(journal, 1'500'000'000);
  EXPECT_EQ(finding.check, Check::kHangs);
  EXPECT_EQ(finding.where.call, Call::kSaving);
  EXPECT_EQ(finding.detail, "nothing came of it for 1.5 s");
}

// The thread that crashed, of those that are inside.
TEST(VerifyJournal, KnowsTheThread) {
  verify::Journal journal = journal_inside(Call::kSaving);
  journal.lanes[3].call = static_cast<std::uint32_t>(Call::kSizing);
  journal.lanes[3].transaction_id = 9;
  journal.lanes[3].thread = 78;
  EXPECT_EQ(verify::crash_finding(journal, {.what = "SIGABRT", .thread = 78}).where.transaction_id, 9u);
  EXPECT_EQ(verify::crash_finding(journal, {.what = "SIGABRT", .thread = 77}).where.transaction_id, kVictim);
}

TEST(VerifyChecks, AreNumberedAndHaveAllTheirWords) {
  ASSERT_EQ(verify::checks().size(), verify::kChecks);
  for (std::uint32_t i = 0; i < verify::kChecks; ++i) {
    const verify::CheckInfo& info = verify::checks()[i];
    EXPECT_EQ(&verify::check_info(info.check), &info);
    EXPECT_EQ(std::string(info.number), (i < 9 ? "V0" : "V") + std::to_string(i + 1));
    for (const char* const words : {info.title, info.cause, info.fix}) EXPECT_NE(std::string(words), "") << info.number;
  }
}

// The page has a row for each, in the same words.
TEST(VerifyChecks, AreDocumented) {
  std::ifstream in(VMBSAVE_CHECK_TABLE);
  std::stringstream page;
  page << in.rdbuf();
  for (const verify::CheckInfo& info : verify::checks()) {
    const std::string row =
        std::string("\n| ") + info.number + " | " + info.title + " | " + info.cause + " | " + info.fix + " |\n";
    EXPECT_NE(page.str().find(row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace vmbsave::test
