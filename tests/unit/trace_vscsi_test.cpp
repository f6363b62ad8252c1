#include <gtest/gtest.h>

#include "trace_files.hpp"

namespace vmbsave::trace::test {
namespace {

TEST(VscsiTrace, ReadsVersion1) {
  const Scratch scratch;
  const auto file = scratch.write("trace", Vscsi{.sn = 0x800000f4, .len = 512, .cmd = 0x2a, .lbn = 42, .ts = 7}.v1() +
                                               Vscsi{.len = 8192, .sg_elements = 2, .ts = 9}.v1());
  const Trace trace = read(file);
  EXPECT_EQ(trace.format, "vscsi-v1");
  EXPECT_FALSE(trace.measured_completions);
  EXPECT_EQ(trace.queues, std::vector<std::uint16_t>{0});
  ASSERT_EQ(trace.requests.size(), 2U);
  const Request& first = trace.requests[0];
  EXPECT_EQ(first.submit_ns, 0U);
  EXPECT_EQ(first.complete_ns, kNoCompletion);
  EXPECT_EQ(first.lba, 42U);
  EXPECT_EQ(first.tag, 0x800000f4U);
  EXPECT_EQ(first.bytes, 512U);
  EXPECT_EQ(first.first_byte, 0U);
  EXPECT_EQ(first.queue, 0U);
  EXPECT_EQ(first.operation, Operation::kWrite);
  EXPECT_EQ(trace.requests[1].submit_ns, 2000U);
  EXPECT_EQ(trace.requests[1].bytes, 8192U);
  EXPECT_EQ(trace.requests[1].operation, Operation::kRead);
}

TEST(VscsiTrace, ReadsVersion2WithResponseTimes) {
  const Scratch scratch;
  const auto file =
      scratch.write("trace", Vscsi{.sn = 5, .len = 1024, .cmd = 0x8a, .lbn = 1ULL << 40, .ts = 100, .rt = 30}.v2() +
                                 Vscsi{.ts = 101}.v2());
  const Trace trace = read(file);
  EXPECT_EQ(trace.format, "vscsi-v2");
  EXPECT_TRUE(trace.measured_completions);
  ASSERT_EQ(trace.requests.size(), 2U);
  const Request& first = trace.requests[0];
  EXPECT_EQ(first.submit_ns, 0U);
  EXPECT_EQ(first.complete_ns, 30'000U);
  EXPECT_EQ(first.lba, 1ULL << 40);
  EXPECT_EQ(first.tag, 5U);
  EXPECT_EQ(first.bytes, 1024U);
  EXPECT_EQ(first.operation, Operation::kWrite);
  EXPECT_EQ(trace.requests[1].submit_ns, 1000U);
  EXPECT_EQ(trace.requests[1].complete_ns, 1000U);
}

// A serial number may look like version 2 where that version has its own.
TEST(VscsiTrace, ReadsVersion1WhoseSerialNumberLooksLikeVersion2) {
  const Scratch scratch;
  EXPECT_EQ(read(scratch.write("trace", Vscsi{.sn = 0x02000001}.v1())).format, "vscsi-v1");
}

TEST(VscsiTrace, KnowsEveryReadAndWriteCommand) {
  const Scratch scratch;
  for (const std::uint16_t cmd : std::initializer_list<std::uint16_t>{0x08, 0x28, 0xa8, 0x88}) {
    EXPECT_EQ(read(scratch.write("trace", Vscsi{.cmd = cmd}.v1())).requests[0].operation, Operation::kRead) << cmd;
  }
  for (const std::uint16_t cmd : std::initializer_list<std::uint16_t>{0x0a, 0x2a, 0xaa, 0x8a}) {
    EXPECT_EQ(read(scratch.write("trace", Vscsi{.cmd = cmd}.v1())).requests[0].operation, Operation::kWrite) << cmd;
  }
}

TEST(VscsiTrace, LeavesOutCommandsWithoutData) {
  const Scratch scratch;
  const std::string flush = Vscsi{.len = 0, .cmd = 0x35, .ts = 5}.v1();
  const Trace trace = read(scratch.write("trace", flush + Vscsi{.ts = 8}.v1()));
  ASSERT_EQ(trace.requests.size(), 1U);
  EXPECT_EQ(trace.requests[0].submit_ns, 0U);  // times are relative to the first request, not to the flush
  expect_error(scratch.write("flushes", flush), {"expected reads, writes or unmaps, found none"});
}

TEST(VscsiTrace, UnmapHoldsItsRangeOrAList) {
  const Scratch scratch;
  const auto unmap = [&](std::uint32_t len) {
    return scratch.write("trace", Vscsi{.len = len, .sg_elements = 2, .cmd = 0x42}.v1());
  };
  const Request ranged = read(unmap(4096)).requests[0];
  EXPECT_EQ(ranged.operation, Operation::kDiscard);
  EXPECT_EQ(ranged.bytes, 4096U);
  EXPECT_EQ(ranged.first_byte, 0U);
  EXPECT_EQ(read(unmap(24)).requests[0].bytes, 0U);  // 8 bytes and one descriptor of 16: the range is not in the record
  EXPECT_EQ(read(unmap(0)).requests[0].bytes, 0U);
  expect_error(unmap(25), {"offset 0", "a multiple of 512", "found 25"});
  expect_error(unmap(0xfffffff8), {"offset 0", "67108864", "found 4294967288"});
}

// One scatter element more than pages: the least offset that makes the data touch one page more.
TEST(VscsiTrace, FirstByteFollowsFromScatterElements) {
  const Scratch scratch;
  const auto first_byte = [&](std::uint32_t len, std::uint32_t sg_elements) {
    return read(scratch.write("trace", Vscsi{.len = len, .sg_elements = sg_elements}.v1())).requests[0].first_byte;
  };
  EXPECT_EQ(first_byte(4096, 1), 0U);
  EXPECT_EQ(first_byte(4096, 2), 512U);
  EXPECT_EQ(first_byte(65536, 17), 512U);
  EXPECT_EQ(first_byte(6656, 3), 2048U);  // 6656 + 1536 is two pages still
  EXPECT_EQ(first_byte(1024, 2), 3584U);
  EXPECT_EQ(first_byte(512, 2), 0U);   // one sector never lies on two pages
  EXPECT_EQ(first_byte(4608, 3), 0U);  // 4608 + 3584 is two pages still, the next sector is another first page
  EXPECT_EQ(first_byte(65536, 18), 0U);
  EXPECT_EQ(first_byte(65536, 4), 0U);
}

TEST(VscsiTrace, SortsBySubmissionAndKeepsTheOrderOfEqualTimes) {
  const Scratch scratch;
  const Trace trace =
      read(scratch.write("trace", Vscsi{.sn = 1, .ts = 20, .rt = 5}.v2() + Vscsi{.sn = 2, .ts = 10}.v2() +
                                      Vscsi{.sn = 3, .ts = 20}.v2() + Vscsi{.sn = 4, .ts = 10}.v2()));
  std::vector<std::uint64_t> tags;
  for (const Request& request : trace.requests) tags.push_back(request.tag);
  EXPECT_EQ(tags, (std::vector<std::uint64_t>{2, 4, 1, 3}));
  EXPECT_EQ(trace.requests[2].submit_ns, 10'000U);
  EXPECT_EQ(trace.requests[2].complete_ns, 15'000U);
}

TEST(VscsiTrace, RefusesLengthsThatNoRequestHas) {
  const Scratch scratch;
  const std::string good = Vscsi{}.v1();
  for (const std::uint32_t len : {0U, 511U, 513U, (1U << 26) + 512, 0xfffffe00U}) {
    expect_error(
        scratch.write("trace", good + Vscsi{.len = len}.v1()),
        {"offset 32: expected a length that is a multiple of 512, from 512 to 67108864, found " + std::to_string(len)});
  }
  EXPECT_EQ(read(scratch.write("trace", Vscsi{.len = 1U << 26}.v1())).requests[0].bytes, 1U << 26);
}

TEST(VscsiTrace, RefusesAnotherVersionLaterOn) {
  const Scratch scratch;
  expect_error(scratch.write("v1", Vscsi{}.v1() + Vscsi{}.v1(0x7f00)),
               {"offset 32: expected vSCSI version 1 at byte 14 of the record", "found 0x7f"});
  expect_error(scratch.write("v2", Vscsi{}.v2() + Vscsi{}.v2() + Vscsi{}.v2(0x0100)),
               {"offset 80: expected vSCSI version 2 at byte 2 of the record", "found 0x1"});
}

TEST(VscsiTrace, RefusesOtherCommandsWithData) {
  const Scratch scratch;
  expect_error(scratch.write("trace", Vscsi{}.v1() + Vscsi{.len = 36, .cmd = 0x12}.v1()),
               {"offset 32: expected a SCSI read, write or unmap", "found operation code 0x12 with 36 bytes"});
}

TEST(VscsiTrace, RefusesTimesBeyondTheRange) {
  const Scratch scratch;
  constexpr std::uint64_t kMost = INT64_MAX / 1000;
  expect_error(scratch.write("ts", Vscsi{}.v2() + Vscsi{.ts = kMost + 1}.v2()),
               {"offset 40: expected a time of at most 9223372036854775 us, found 9223372036854776 us"});
  expect_error(scratch.write("rt", Vscsi{.ts = kMost, .rt = 1}.v2()), {"offset 0: expected a time of at most"});
  expect_error(scratch.write("wraps", Vscsi{.ts = 8, .rt = UINT64_MAX - 4}.v2()), {"expected a time of at most"});
  EXPECT_EQ(read(scratch.write("most", Vscsi{.ts = 0, .rt = kMost}.v2())).requests[0].complete_ns, kMost * 1000);
}

TEST(VscsiTrace, RefusesACutRecord) {
  const Scratch scratch;
  const std::string v1 = Vscsi{}.v1() + Vscsi{}.v1();
  for (const std::size_t size : {33U, 48U, 63U}) {
    expect_error(
        scratch.write("v1", v1.substr(0, size)),
        {"offset 32: expected a record of 32 bytes, found the end of the file after " + std::to_string(size - 32)});
  }
  expect_error(scratch.write("short", v1.substr(0, 20)), {"offset 0: expected a record of 32 bytes", "after 20"});
  expect_error(scratch.write("v2", (Vscsi{}.v2() + Vscsi{}.v2()).substr(0, 79)),
               {"offset 40: expected a record of 40 bytes, found the end of the file after 39"});
}

// More records than are read at a time: the offsets go on counting.
TEST(VscsiTrace, KnowsTheOffsetFarIntoAFile) {
  const Scratch scratch;
  std::string bytes;
  for (unsigned record = 0; record < 10'000; ++record) bytes += Vscsi{.sn = record, .ts = record}.v1();
  const auto file = scratch.write("trace", bytes);
  const Trace trace = read(file);
  ASSERT_EQ(trace.requests.size(), 10'000U);
  EXPECT_EQ(trace.requests[9'999].tag, 9'999U);
  expect_error(scratch.write("bad", bytes + Vscsi{}.v1(0x0300)), {"offset 320000:", "found 0x3"});
  expect_error(scratch.write("cut", bytes + "x"), {"offset 320000:", "found the end of the file after 1 "});
}

TEST(VscsiTrace, TellsProgressUpToTheEnd) {
  const Scratch scratch;
  const auto file = scratch.write("trace", Vscsi{}.v1() + Vscsi{}.v1());
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  read(file, [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); });
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), std::make_pair(std::uint64_t{64}, std::uint64_t{64}));
}

TEST(VscsiTrace, EveryCutAndEveryChangedByteIsReadOrRefused) {
  const Scratch scratch;
  const auto v1 = scratch.write("v1", Vscsi{}.v1() + Vscsi{.cmd = 0x42}.v1() + Vscsi{.len = 0, .cmd = 0}.v1());
  expect_read_or_refused(v1, v1, every_flip());
  const auto v2 = scratch.write("v2", Vscsi{.rt = 5}.v2() + Vscsi{.sg_elements = 2}.v2());
  expect_read_or_refused(v2, v2, every_flip());
}

TEST(VscsiTrace, RealTrace) {
  const std::string name = "cloudphysics/cloudPhysicsIO.vscsi";
  const auto path = real_trace(name);
  if (path.empty()) GTEST_SKIP() << "no trace " << name;
  const Trace trace = read(path);
  EXPECT_EQ(trace.format, "vscsi-v1");
  ASSERT_EQ(trace.requests.size(), 113'872U);
  EXPECT_FALSE(trace.measured_completions);
  EXPECT_EQ(trace.requests[3].bytes, 6'656U);
  EXPECT_EQ(trace.requests[3].lba, 40'409'911U);
  EXPECT_EQ(trace.requests[3].tag, 0x80000041U);
  EXPECT_EQ(trace.requests[4].submit_ns, 1'598'946'000U);

  const auto with_service_time = [&](std::uint64_t ns) {
    std::vector<Request> requests(trace.requests.begin(), trace.requests.end());
    for (Request& request : requests) request.complete_ns = request.submit_ns + ns;
    return peak_in_flight(requests);
  };
  EXPECT_EQ(with_service_time(1'000'000), 65);
  EXPECT_EQ(with_service_time(10'000'000), 214);
  EXPECT_EQ(with_service_time(100'000'000), 1'255);

  const auto reads = std::count_if(trace.requests.begin(), trace.requests.end(),
                                   [](const Request& request) { return request.operation == Operation::kRead; });
  EXPECT_EQ(reads, 46'974);
}

}  // namespace
}  // namespace vmbsave::trace::test
