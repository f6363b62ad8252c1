#include <gtest/gtest.h>

#include "trace_files.hpp"

namespace vmbsave::trace::test {
namespace {

// The first lines of tpcc-small.trace.
TEST(MqsimTrace, ReadsOltp) {
  const Scratch scratch;
  const Trace trace = read(scratch.write("trace",
                                         "938513000 4 264719034 16 0\n938828000 3 197570570 16 0\n"
                                         "938944000 13 93230992 32 0\n939010000 5 230420970 16 0\n"
                                         "939044000 6 238240490 16 0\n"));
  EXPECT_EQ(trace.format, "mqsim");
  EXPECT_FALSE(trace.measured_completions);
  EXPECT_FALSE(trace.service_time_ns);
  EXPECT_EQ(trace.queues, (std::vector<std::uint16_t>{0, 1, 2, 3, 4}));
  ASSERT_EQ(trace.requests.size(), 5U);
  const Request& third = trace.requests[2];
  EXPECT_EQ(third.submit_ns, 431'000U);
  EXPECT_EQ(third.complete_ns, kNoCompletion);
  EXPECT_EQ(third.lba, 93'230'992U);
  EXPECT_EQ(third.tag, 2U);
  EXPECT_EQ(third.bytes, 16'384U);
  EXPECT_EQ(third.first_byte, 0U);
  EXPECT_EQ(third.queue, 2U);
  EXPECT_EQ(third.operation, Operation::kWrite);
  EXPECT_EQ(trace.requests[0].first_byte, 1'024U) << "sector 264719034 is the third of its page";
}

// The first lines of wsrch-small.trace.
TEST(MqsimTrace, ReadsWebSearch) {
  const Scratch scratch;
  const Trace trace = read(scratch.write("trace",
                                         "11413000 0 657728 16 1\n11565000 1 31244784 64 1\n11721000 1 21868784 16 1\n"
                                         "16187000 0 34567136 64 1\n18256000 2 11813968 32 1\n"));
  ASSERT_EQ(trace.requests.size(), 5U);
  EXPECT_EQ(trace.queues, (std::vector<std::uint16_t>{0, 1, 2}));
  EXPECT_EQ(trace.requests[4].submit_ns, 6'843'000U);
  EXPECT_EQ(trace.requests[3].bytes, 32'768U);
  EXPECT_EQ(trace.requests[3].queue, 0U);
  for (const Request& request : trace.requests) EXPECT_EQ(request.operation, Operation::kRead);
}

TEST(MqsimTrace, RefusesWhatNoRequestHas) {
  const Scratch scratch;
  const auto refuse = [&](const char* line, const char* what) {
    expect_error(scratch.write("trace", std::string("1 0 8 16 1\n") + line + "\n"),
                 {"offset 11: line 2: expected ", what});
  };
  refuse("1 0 8 16 2", "five numbers: time, device, address, sectors, operation (0 write, 1 read), found '1 0 8 16 2'");
  refuse("1 0 8 16 01", "found '1 0 8 16 01'");
  refuse("1 0 8 16 -1", "found '1 0 8 16 -1'");
  refuse("1 a 8 16 1", "found '1 a 8 16 1'");
  refuse("+1 0 8 16 1", "found '+1 0 8 16 1'");
  refuse("1 0 8 16 1 0", "found '1 0 8 16 1 0'");
  refuse("9223372036854775808 0 8 16 1", "a time in ns from 0 to 9223372036854775807, found '9223372036854775808'");
  refuse("1 0 36028797018963968 16 1", "an address in sectors from 0 to 36028797018963967");
  refuse("1 0 36028797018963967 16 1", "that end below 2^64");
  refuse("1 0 8 8388608 1", "a number of sectors from 0 to 8388607, found '8388608'");
  EXPECT_EQ(read(scratch.write("most", "9223372036854775807 0 8 8388607 1\n")).requests[0].bytes, 4'294'966'784U);
}

TEST(MqsimTrace, LeavesOutRequestsWithoutSectors) {
  const Scratch scratch;
  const Trace trace = read(scratch.write("trace", "1 0 8 0 1\n5 0 8 1 1\n"));
  ASSERT_EQ(trace.requests.size(), 1U);
  EXPECT_EQ(trace.requests[0].submit_ns, 0U);
  expect_error(scratch.write("none", "1 0 8 0 1\n"), {"expected reads or writes, found none"});
}

}  // namespace
}  // namespace vmbsave::trace::test
