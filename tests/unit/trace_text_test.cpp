// What the text formats share: lines, numbers, queues, and requests in bytes.
#include <gtest/gtest.h>

#include "trace_files.hpp"

namespace vmbsave::trace::test {
namespace {

TEST(TextTrace, LineEndsAndAMarkMakeNoDifference) {
  const Scratch scratch;
  const std::string mark = "\xef\xbb\xbf";
  for (const std::string& text :
       {std::string("1 0 8 16 1\n2 0 8 16 0\n"), std::string("1 0 8 16 1\n2 0 8 16 0"),
        std::string("1 0 8 16 1\r\n2 0 8 16 0\r\n"), mark + "1 0 8 16 1\r\n2 0 8 16 0",
        mark + "1 0 8 16 1\n2 0 8 16 0\n", std::string("1 0 8 16 1\n\n \t\n\r\n2 0 8 16 0\n\n"),
        std::string(" 1\t0  8 16 1 \n\t2 0 8 16 0\n")}) {
    const Trace trace = read(scratch.write("trace", text));
    ASSERT_EQ(trace.requests.size(), 2U) << text;
    EXPECT_EQ(trace.requests[0].operation, Operation::kRead);
    EXPECT_EQ(trace.requests[1].operation, Operation::kWrite);
    EXPECT_EQ(trace.requests[1].submit_ns, 1U);
  }
  EXPECT_EQ(read(scratch.write("one", "1 0 8 16 1")).requests.size(), 1U);
  EXPECT_EQ(read(scratch.write("csv", mark + "1,h,0,Read,0,512,5\r\n")).requests[0].complete_ns, 500U);
  expect_error(scratch.write("late", "1 0 8 16 1\n" + mark + "2 0 8 16 0\n"), {"offset 11: line 2: expected five"});
}

TEST(TextTrace, ErrorsNameTheLineAndItsOffset) {
  const Scratch scratch;
  expect_error(scratch.write("trace", "1 0 8 16 1\r\n\r\n2 0 8 16\r\n"),
               {"trace: offset 14: line 3: expected five numbers: ", ", found '2 0 8 16'"});
  expect_error(scratch.write("bytes", "1 0 8 16 1\n\x1b[31m\x01\n"), {"line 2: expected five", "found '?[31m?'"});
  expect_error(scratch.write("long", "1 0 8 16 1\n" + std::string(400, 'x')),
               {"found '" + std::string(60, 'x') + "'..."});
}

TEST(TextTrace, ALineWithoutEndIsRefused) {
  const Scratch scratch;
  const std::string good = "1 0 8 16 1\n";
  const std::string longest = "2 0 8 16" + std::string(1024 - 10, ' ') + " 0";
  ASSERT_EQ(longest.size(), 1024U);
  EXPECT_EQ(read(scratch.write("longest", good + longest + "\n" + longest)).requests.size(), 3U);
  for (const std::string& line : {longest + " \n", longest + " ", std::string(1 << 20, '1')}) {
    expect_error(scratch.write("endless", good + line),
                 {"offset 11: line 2: expected a line of at most 1024 bytes, found a longer one"});
  }
  expect_error(scratch.write("first", std::string(2000, ' ') + good), {"line 1: expected a line of at most"}, "mqsim");
}

// More than is read at a time, with lines across its borders.
TEST(TextTrace, ManyLines) {
  constexpr unsigned kLines = 100'000;
  const Scratch scratch;
  std::string text;
  for (unsigned i = 0; i < kLines; ++i)
    text += fmt::format("{} {} {} {} {}\n", 1000 + i * 7, i % 16, i, 1 + i % 64, i % 2);
  const Trace trace = read(scratch.write("trace", text));
  ASSERT_EQ(trace.requests.size(), kLines);
  for (unsigned i = 0; i < kLines; ++i) {
    const Request& request = trace.requests[i];
    ASSERT_EQ(request.submit_ns, i * 7U);
    ASSERT_EQ(request.lba, i);
    ASSERT_EQ(request.bytes, 512 * (1 + i % 64));
    ASSERT_EQ(request.tag, i);
    ASSERT_EQ(request.queue, i % 16);
  }
  expect_error(scratch.write("bad", text + "end"),
               {fmt::format("offset {}: line {}: expected five", text.size(), kLines + 1)});
}

TEST(TextTrace, TellsProgressUpToTheEnd) {
  const Scratch scratch;
  std::string text;
  for (unsigned i = 0; i < 20'000; ++i) text += "1 0 8 16 1\n";
  const auto file = scratch.write("trace", text);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  read(file, [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); });
  ASSERT_GT(told.size(), 2U);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), std::make_pair(std::uint64_t{text.size()}, std::uint64_t{text.size()}));
}

TEST(TextTrace, SortsBySubmissionAndKeepsTheOrderOfEqualTimes) {
  constexpr std::uint64_t kLines = 1'000;
  const Scratch scratch;
  std::string text;
  for (std::uint64_t i = 0; i < kLines; ++i) text += fmt::format("{} 0 0 1 1\n", i % 2 == 0 ? 20 : 10);
  const Trace trace = read(scratch.write("trace", text));
  ASSERT_EQ(trace.requests.size(), kLines);
  for (std::uint64_t i = 0; i < kLines; ++i) {
    const bool late = i >= kLines / 2;
    EXPECT_EQ(trace.requests[i].tag, late ? (i - kLines / 2) * 2 : i * 2 + 1);
    EXPECT_EQ(trace.requests[i].submit_ns, late ? 10U : 0U);
  }
}

// The sectors that [offset, offset + bytes) touches.
TEST(TextTrace, BytesBecomeWholeSectors) {
  const Scratch scratch;
  const auto blocks = [&](std::uint64_t offset, std::uint64_t bytes, const char* type = "Read") {
    return read(scratch.write("trace", fmt::format("1,h,0,{},{},{},5\n", type, offset, bytes))).requests[0];
  };
  struct Case {
    std::uint64_t offset, bytes, lba;
    std::uint32_t touched, first_byte;
  };
  for (const Case& c :
       {Case{0, 512, 0, 512, 0}, Case{0, 1, 0, 512, 0}, Case{511, 1, 0, 512, 0}, Case{511, 2, 0, 1024, 0},
        Case{512, 513, 1, 1024, 512}, Case{4095, 4096, 7, 4608, 3584}, Case{4096, 4096, 8, 4096, 0},
        Case{1ULL << 40, 65536, 1ULL << 31, 65536, 0}, Case{3'221'225'472 + 1536, 9000, 6'291'459, 9216, 1536},
        Case{0, 4'294'966'784, 0, 4'294'966'784, 0}}) {
    const Request request = blocks(c.offset, c.bytes);
    EXPECT_EQ(request.lba, c.lba) << c.offset << " " << c.bytes;
    EXPECT_EQ(request.bytes, c.touched) << c.offset << " " << c.bytes;
    EXPECT_EQ(request.first_byte, c.first_byte) << c.offset << " " << c.bytes;
  }
  for (const auto& [offset, bytes] : {std::pair<std::uint64_t, std::uint64_t>{0, 4'294'966'785},
                                      {1, 4'294'966'784},
                                      {UINT64_MAX - 510, 512},
                                      {UINT64_MAX, 1}}) {
    expect_error(
        scratch.write("trace", fmt::format("1,h,0,Write,{},{},5\n", offset, bytes)),
        {fmt::format("line 1: expected at most 4294966784 bytes in whole sectors, that end below 2^64, found {} "
                     "from {} on",
                     bytes, offset)});
  }
}

TEST(TextTrace, QueuesAreNumberedByTheirFirstRequests) {
  const Scratch scratch;
  const Trace trace = read(scratch.write("trace", "1 9 0 0 1\n2 7 0 1 1\n3 9 0 1 1\n4 7 0 1 1\n"));
  EXPECT_EQ(trace.queues, (std::vector<std::uint16_t>{0, 1}));
  ASSERT_EQ(trace.requests.size(), 3U) << "one has no bytes";
  EXPECT_EQ(trace.requests[0].queue, 0U);
  EXPECT_EQ(trace.requests[1].queue, 1U);
  EXPECT_EQ(trace.requests[2].queue, 0U);
}

TEST(TextTrace, NoMoreQueuesThanCanBeNumbered) {
  const Scratch scratch;
  std::string text;
  for (unsigned i = 0; i < 65'536; ++i) text += fmt::format("1 {} 0 1 1\n", i);
  const Trace trace = read(scratch.write("trace", text));
  EXPECT_EQ(trace.queues.size(), 65'536U);
  EXPECT_EQ(trace.requests[65'535].queue, 65'535U);
  EXPECT_EQ(read(scratch.write("again", text + "1 0 0 1 1\n")).requests.size(), 65'537U);
  expect_error(scratch.write("more", text + "1 65536 0 1 1\n"),
               {"line 65537: expected at most 65536 queues, found one more: '65536'"});
}

TEST(TextTrace, EveryCutAndEveryChangedByteIsReadOrRefused) {
  const Scratch scratch;
  for (const char* const text :
       {"10 3 8 16 1\n20 4 9 16 0\n", "fio version 2 iolog\n/f add\n/f read 512 9\n/f wait 7 0\n/f trim 0 4096\n",
        "fio version 3 iolog\n5 /f open\n6 /f write 0 8192\n",
        "128,h,0,Read,4096,8192,77\r\n129,h,1,Write,0,1,7\r\n"}) {
    const auto file = scratch.write("trace", text);
    expect_read_or_refused(file, file, every_flip());
  }
}

}  // namespace
}  // namespace vmbsave::trace::test
