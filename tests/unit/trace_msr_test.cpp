#include <gtest/gtest.h>

#include "trace_files.hpp"

namespace vmbsave::trace::test {
namespace {

const std::string kMsrHeader = "Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n";

TEST(MsrTrace, ReadsWithResponseTimes) {
  const Scratch scratch;
  const std::string rows =
      "128166372003061629,hm,1,Read,2517700608,24576,4011\n"
      "128166372016382155,hm,0,Write,383496192,32768,5553\n"
      "128166372016382156,usr,1,Write,383528960,512,0\n"
      "128166372026382157,hm,1,Read,512,1024,1\n";
  for (const std::string& text : {rows, kMsrHeader + rows}) {
    const Trace trace = read(scratch.write("trace", text));
    EXPECT_EQ(trace.format, "msr");
    EXPECT_TRUE(trace.measured_completions);
    EXPECT_EQ(trace.queues, (std::vector<std::uint16_t>{0, 1, 2}));
    ASSERT_EQ(trace.requests.size(), 4U);
    const Request& first = trace.requests[0];
    EXPECT_EQ(first.submit_ns, 0U);
    EXPECT_EQ(first.complete_ns, 401'100U);
    EXPECT_EQ(first.lba, 4'917'384U);
    EXPECT_EQ(first.tag, 0U);
    EXPECT_EQ(first.bytes, 24'576U);
    EXPECT_EQ(first.first_byte, 0U);
    EXPECT_EQ(first.queue, 0U);
    EXPECT_EQ(first.operation, Operation::kRead);
    const Request& second = trace.requests[1];
    EXPECT_EQ(second.submit_ns, 1'332'052'600U);
    EXPECT_EQ(second.complete_ns, 1'332'607'900U);
    EXPECT_EQ(second.queue, 1U);
    EXPECT_EQ(second.operation, Operation::kWrite);
    EXPECT_EQ(trace.requests[2].queue, 2U) << "the same disk of another host";
    EXPECT_EQ(trace.requests[2].complete_ns, trace.requests[2].submit_ns);
    EXPECT_EQ(trace.requests[3].queue, 0U);
    EXPECT_EQ(trace.requests[3].first_byte, 512U);
    EXPECT_EQ(trace.requests[3].tag, 3U);
  }
}

TEST(MsrTrace, AHeaderIsTheFirstLineOnly) {
  const Scratch scratch;
  const std::string row = "1,h,0,Read,0,512,5\n";
  expect_error(scratch.write("twice", kMsrHeader + kMsrHeader + row), {"offset 60: line 2: expected Timestamp,"});
  expect_error(scratch.write("later", row + kMsrHeader), {"line 2: expected Timestamp,"});
  expect_error(scratch.write("alone", kMsrHeader), {"expected reads or writes, found none"});
}

TEST(MsrTrace, RefusesWhatNoRequestHas) {
  const Scratch scratch;
  const auto refuse = [&](const std::string& line, const char* what) {
    expect_error(scratch.write("trace", "1,h,0,Read,0,512,5\n" + line + "\n"), {"offset 19: line 2: expected ", what});
  };
  for (const char* const line : {"x,h,0,Read,0,512,5", "1,,0,Read,0,512,5", "1,h,a,Read,0,512,5", "1,h,0,Trim,0,512,5",
                                 "1,h,0,Read,-1,512,5", "1,h,0,Read,0,512 ,5", "1,h,0,Read,0,512,0x5",
                                 "1,h,0,Read,0,512,", "1,h,0,Read,0,512", "1,h,0,Read,0,512,5,6"}) {
    refuse(line, ("(Type Read or Write), found '" + std::string(line) + "'").c_str());
  }
  refuse("1,h,0,Read,0,4294967296,5", "a size from 0 to 4294967295, found '4294967296'");
  refuse("1,h,0,Read,0,512,46116860184273880", "a response time in 100 ns from 0 to 46116860184273879");
}

// 146 years to each side, as nanoseconds must fit.
TEST(MsrTrace, TimesLieAroundTheFirst) {
  const Scratch scratch;
  const auto two = [&](const char* first, const char* second) {
    return scratch.write("trace", fmt::format("{},h,0,Read,0,512,0\n{},h,0,Write,0,512,7\n", first, second));
  };
  EXPECT_EQ(read(two("0", "46116860184273879")).requests[1].submit_ns, 4'611'686'018'427'387'900U);
  EXPECT_EQ(read(two("46116860184273879", "0")).requests[1].submit_ns, 4'611'686'018'427'387'900U);
  EXPECT_EQ(read(two("46116860184273879", "0")).requests[0].operation, Operation::kWrite);
  EXPECT_EQ(read(two("18446744073709551615", "18446744073709551614")).requests[0].complete_ns, 700U);
  expect_error(two("0", "46116860184273880"),
               {"line 2: expected a time within 46116860184273879 x 100 ns of the first, 0"});
  expect_error(two("46116860184273880", "0"),
               {"line 2: expected a time within", "of the first, 46116860184273880, found '0'"});
  expect_error(two("18446744073709551615", "18446744073709551616"), {"line 2: expected Timestamp,"});
}

TEST(MsrTrace, LeavesOutRequestsWithoutBytes) {
  const Scratch scratch;
  EXPECT_EQ(read(scratch.write("trace", "1,h,0,Read,0,0,5\n9,g,0,Read,0,1,5\n")).requests.size(), 1U);
  expect_error(scratch.write("none", "1,h,0,Read,0,0,5\n"), {"expected reads or writes, found none"});
}

}  // namespace
}  // namespace vmbsave::trace::test
