#include <gtest/gtest.h>

#include "trace_files.hpp"

namespace vmbsave::trace::test {
namespace {

const std::string kFio2 = "fio version 2 iolog\n";
const std::string kFio3 = "fio version 3 iolog\n";

TEST(FioTrace, ReadsVersion2WhoseTimesAreItsWaits) {
  const Scratch scratch;
  const Trace trace =
      read(scratch.write("trace", kFio2 + "/dev/sda add\n/dev/sdb add\n/dev/sda open\n/dev/sdb open\n"
                                          "/dev/sdb read 0 4096\n/dev/sda write 8192 65536\n"
                                          "/dev/sda wait 300 0\n/dev/sda sync 0 0\n/dev/sdb datasync 0 0\n"
                                          "/dev/sdb wait 50 0\n/dev/sdb trim 1048576 1000\n/dev/sdb close\n"));
  EXPECT_EQ(trace.format, "fio-v2");
  EXPECT_FALSE(trace.measured_completions);
  EXPECT_EQ(trace.queues, (std::vector<std::uint16_t>{0, 1}));
  ASSERT_EQ(trace.requests.size(), 3U);
  EXPECT_EQ(trace.requests[0].submit_ns, 0U);
  EXPECT_EQ(trace.requests[0].operation, Operation::kRead);
  EXPECT_EQ(trace.requests[0].queue, 0U);
  const Request& write = trace.requests[1];
  EXPECT_EQ(write.submit_ns, 0U);
  EXPECT_EQ(write.complete_ns, kNoCompletion);
  EXPECT_EQ(write.lba, 16U);
  EXPECT_EQ(write.tag, 1U);
  EXPECT_EQ(write.bytes, 65'536U);
  EXPECT_EQ(write.queue, 1U);
  EXPECT_EQ(write.operation, Operation::kWrite);
  const Request& trim = trace.requests[2];
  EXPECT_EQ(trim.submit_ns, 350'000U);
  EXPECT_EQ(trim.bytes, 1'024U);
  EXPECT_EQ(trim.queue, 0U);
  EXPECT_EQ(trim.operation, Operation::kDiscard);
}

TEST(FioTrace, ReadsVersion3InMicroseconds) {
  const Scratch scratch;
  const Trace trace = read(scratch.write("trace", kFio3 + "2 nvme add\n872 nvme open\n878 nvme write 512 16384\n"
                                                          "888 nvme read 0 4096\n890 nvme sync_file_range 0 4096\n"
                                                          "891 other trim 512 512\n10001677 nvme close\n"));
  EXPECT_EQ(trace.format, "fio-v3");
  ASSERT_EQ(trace.requests.size(), 3U);
  EXPECT_EQ(trace.requests[0].submit_ns, 0U);
  EXPECT_EQ(trace.requests[0].first_byte, 512U);
  EXPECT_EQ(trace.requests[1].submit_ns, 10'000U);
  EXPECT_EQ(trace.requests[2].submit_ns, 13'000U);
  EXPECT_EQ(trace.requests[2].queue, 1U);
  EXPECT_EQ(trace.requests[2].first_byte, 0U) << "a discard has no data";
}

TEST(FioTrace, Version3MayBeOutOfOrder) {
  const Scratch scratch;
  const Trace trace = read(scratch.write("trace", kFio3 + "9 f read 0 512\n5 f write 0 512\n"));
  EXPECT_EQ(trace.requests[0].operation, Operation::kWrite);
  EXPECT_EQ(trace.requests[1].submit_ns, 4'000U);
}

TEST(FioTrace, RefusesWhatIsNoActionOfVersion2) {
  const Scratch scratch;
  const auto refuse = [&](const std::string& line, const std::string& what) {
    expect_error(scratch.write("trace", kFio2 + line + "\n"), {"offset 20: line 2: expected " + what});
  };
  refuse("/f", "FILE ACTION or FILE ACTION OFFSET LENGTH, found '/f'");
  refuse("/f read 0", "FILE ACTION or FILE ACTION OFFSET LENGTH, found '/f read 0'");
  refuse("/a file read 0 512", "FILE ACTION or FILE ACTION OFFSET LENGTH, found '/a file read 0 512'");
  refuse("/f read", "add, open or close, found 'read'");
  refuse("/f unlink", "add, open or close, found 'unlink'");
  refuse("/f close 0 512", "read, write, trim, wait or a sync, found 'close'");
  refuse("/f READ 0 512", "read, write, trim, wait or a sync, found 'READ'");
  refuse("/f read x 512", "an offset from 0 to 18446744073709551615, found 'x'");
  refuse("/f read 0 5k", "a length from 0 to 18446744073709551615, found '5k'");
  refuse("/f sync 0 x", "a length from 0 to 18446744073709551615, found 'x'");
  refuse("/f read 0 4294967296", "at most 4294966784 bytes in whole sectors");
  refuse("/f wait 9223372036854776 0", "waits of at most 9223372036854775 us in all, found 9223372036854776");
  refuse("7 /f read 0 512", "FILE ACTION or FILE ACTION OFFSET LENGTH, found '7 /f read 0 512'");
  const std::string most = "/f wait 9223372036854775 0\n";
  EXPECT_EQ(read(scratch.write("most", kFio2 + "/f read 0 1\n" + most + "/f read 0 1\n")).requests[1].submit_ns,
            9'223'372'036'854'775'000U);
  expect_error(scratch.write("more", kFio2 + most + "/f wait 1 0\n"), {"line 3: expected waits of at most"});
}

TEST(FioTrace, RefusesWhatIsNoActionOfVersion3) {
  const Scratch scratch;
  const auto refuse = [&](const std::string& line, const std::string& what) {
    expect_error(scratch.write("trace", kFio3 + "1 /f open\n" + line + "\n"), {"offset 30: line 3: expected " + what});
  };
  refuse("/f read 0 512", "TIME FILE ACTION or TIME FILE ACTION OFFSET LENGTH, found '/f read 0 512'");
  refuse("1", "TIME FILE ACTION or TIME FILE ACTION OFFSET LENGTH, found '1'");
  refuse("x /f read 0 512", "a time in us from 0 to 9223372036854775, found 'x'");
  refuse("-1 /f open", "a time in us from 0 to 9223372036854775, found '-1'");
  refuse("9223372036854776 /f read 0 512", "a time in us from 0 to 9223372036854775");
  refuse("1 /f wait 5 0", "read, write, trim or a sync, found 'wait'");
  refuse("1 /f opened", "add, open or close, found 'opened'");
}

TEST(FioTrace, LeavesOutRequestsWithoutBytes) {
  const Scratch scratch;
  EXPECT_EQ(read(scratch.write("trace", kFio3 + "1 f read 0 0\n5 g read 0 1\n")).requests.size(), 1U);
  expect_error(scratch.write("none", kFio3 + "1 f read 0 0\n"), {"expected reads, writes or trims, found none"});
  expect_error(scratch.write("head", kFio2), {"expected reads, writes or trims, found none"});
}

}  // namespace
}  // namespace vmbsave::trace::test
