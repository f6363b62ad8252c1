#include <gtest/gtest.h>

#include <new>

#include "unit/blktrace_record.hpp"
#include "unit/data_limit.hpp"
#include "unit/processes.hpp"

namespace vmbsave::trace::test {
namespace {

// Categories.
constexpr std::uint32_t kReads = 1, kWrites = 2, kFlushes = 1 << 2, kSynchronous = 1 << 3, kCommand = 1 << 9,
                        kNotify = 1 << 10, kAhead = 1 << 11, kDiscards = 1 << 13, kFua = 1 << 15;

class BlktraceTrace : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& bytes) const { return scratch_.write("t/sda.blktrace.0", bytes); }

  Trace read_file(const std::string& bytes) const { return read(file(bytes)); }

  /// The record behind a good one is refused: the error says where it lies, and each of the parts.
  void expect_refused(const std::string& bytes, const std::vector<std::string>& parts) const {
    const std::string good = Blktrace{.payload = "process"}.issued();
    std::vector<std::string> all = {": offset " + std::to_string(good.size()) + ": expected "};
    all.insert(all.end(), parts.begin(), parts.end());
    expect_error(file(good + bytes), all);
  }

  Scratch scratch_;
};

std::vector<std::uint64_t> completions(const Trace& trace) {
  std::vector<std::uint64_t> times;
  for (const Request& request : trace.requests) times.push_back(request.complete_ns);
  return times;
}

using Times = std::vector<std::uint64_t>;

// Remapped, queued, allocated, plugged, unplugged, issued, completed, with a message before them.
TEST_F(BlktraceTrace, ARequestLastsFromItsIssueToItsCompletion) {
  std::string bytes = Blktrace{.time = 1, .bytes = 0, .category = kNotify, .payload = "message"}.record(2);
  std::uint64_t time = 1000;
  for (const std::uint32_t action : {15U, 1U, 4U, 9U, 10U, 7U, 8U}) {
    bytes +=
        Blktrace{
            .time = time += 10, .sector = 1ULL << 40, .category = kWrites | kSynchronous, .sequence = action, .cpu = 3}
            .record(action);
  }
  const Trace trace = read_file(bytes);
  EXPECT_EQ(trace.format, "blktrace");
  EXPECT_TRUE(trace.measured_completions);
  EXPECT_EQ(trace.queues, std::vector<std::uint16_t>{3});
  ASSERT_EQ(trace.requests.size(), 1U);
  const Request& request = trace.requests[0];
  EXPECT_EQ(request.submit_ns, 0U);
  EXPECT_EQ(request.complete_ns, 10U);
  EXPECT_EQ(request.lba, 1ULL << 40);
  EXPECT_EQ(request.tag, 7U);
  EXPECT_EQ(request.bytes, 4096U);
  EXPECT_EQ(request.first_byte, 0U);
  EXPECT_EQ(request.queue, 3U);
  EXPECT_EQ(request.operation, Operation::kWrite);
}

// Two CPUs, two devices with requests on the same sector; each completes on the other CPU.
std::string cpu0() {
  return Blktrace{.time = 100, .sequence = 1, .device = 8}.issued() +
         Blktrace{.time = 250, .sequence = 2, .device = 9}.completed();
}
std::string cpu1() {
  return Blktrace{.time = 150, .sequence = 1, .device = 9, .cpu = 1}.issued() +
         Blktrace{.time = 300, .sequence = 2, .device = 8, .cpu = 1}.completed();
}

void expect_two_cpus(const Trace& trace) {
  EXPECT_EQ(trace.queues, (std::vector<std::uint16_t>{0, 1}));
  ASSERT_EQ(trace.requests.size(), 2U);
  EXPECT_EQ(trace.requests[0].queue, 0U);
  EXPECT_EQ(trace.requests[1].queue, 1U);
  EXPECT_EQ(trace.requests[1].submit_ns, 50U);
  EXPECT_EQ(completions(trace), (Times{200, 150}));
}

TEST_F(BlktraceTrace, FilesOfAllCpusAreMergedByTime) {
  scratch_.write("sda.blktrace.0", cpu0());
  scratch_.write("sda.blktrace.1", cpu1());
  scratch_.write("sda.blktrace.2", "");  // an idle one
  scratch_.write("sda.blktrace.1.bak", "no CPU's file");
  scratch_.write("sda.blktrace.", "nor this");
  scratch_.write("notes", "nor this");
  expect_two_cpus(read(scratch_.path()));
  scratch_.write("sdb.blktrace.0", "of another trace");
  expect_two_cpus(read(scratch_.path() / "sda"));
  std::filesystem::current_path(scratch_.path());
  expect_two_cpus(read("sda"));
  std::filesystem::current_path("/");
  EXPECT_EQ(completions(read(scratch_.path() / "sda.blktrace.0")), Times{kNoCompletion});
  expect_error(scratch_.path() / "sd", {"no such file or directory"});
  expect_error(scratch_.path() / "none" / "sda", {"no such file or directory"});
}

TEST_F(BlktraceTrace, ADirectoryMayHoldSeveralDevices) {
  scratch_.write("sda.blktrace.0", cpu0());
  scratch_.write("sdb.blktrace.1", cpu1());
  expect_two_cpus(read(scratch_.path()));
}

TEST_F(BlktraceTrace, WhatBeganEarlierOrEndsLaterHasOneEnd) {
  const std::string others = Blktrace{.time = 50, .sector = 8}.completed();
  const std::string first = Blktrace{.time = 100, .category = kWrites}.issued();
  const std::string of_others = Blktrace{.time = 300, .category = kReads}.completed() +
                                Blktrace{.time = 300, .category = kDiscards}.completed() +
                                Blktrace{.time = 300, .category = kWrites, .device = 8}.completed() +
                                Blktrace{.time = 300, .category = kWrites, .device = UINT32_MAX}.completed() +
                                Blktrace{.time = 300, .sector = 99, .category = kWrites}.completed() +
                                Blktrace{.time = 300, .sector = 101, .category = kWrites}.completed();
  const Trace trace =
      read_file(others + first + of_others + Blktrace{.time = 400}.issued() + Blktrace{.time = 500}.completed());
  EXPECT_EQ(completions(trace), (Times{kNoCompletion, 400}));
}

TEST_F(BlktraceTrace, WithoutAnyCompletionNoneIsMeasured) {
  const Trace trace = read_file(Blktrace{.time = 100}.issued() + Blktrace{.time = 200}.issued());
  EXPECT_FALSE(trace.measured_completions);
  EXPECT_EQ(completions(trace), (Times{kNoCompletion, kNoCompletion}));
}

TEST_F(BlktraceTrace, ACompletionIsOfTheRequestThatIsAsLong) {
  const auto issued = [](std::uint64_t time, std::uint32_t bytes) {
    return Blktrace{.time = time, .bytes = bytes}.issued();
  };
  const auto completed = [](std::uint64_t time, std::uint32_t bytes) {
    return Blktrace{.time = time, .bytes = bytes}.completed();
  };
  const Trace trace =
      read_file(issued(0, 8192) + issued(1, 4096) + issued(2, 512) + issued(3, 4096) + completed(10, 4096) +
                completed(11, 4096) + completed(12, 16384) + completed(13, 512) + completed(14, 8192));
  EXPECT_EQ(completions(trace), (Times{14, 10, 13, 11})) << "the earliest first; 16 KiB are of no request";
}

TEST_F(BlktraceTrace, ARequestMayCompleteInParts) {
  const std::string bytes = Blktrace{.time = 0, .sector = 100, .bytes = 8192}.issued() +
                            Blktrace{.time = 10, .sector = 100, .bytes = 512}.completed() +
                            Blktrace{.time = 20, .sector = 101, .bytes = 3584}.completed();
  EXPECT_EQ(completions(read_file(bytes)), Times{kNoCompletion});
  EXPECT_EQ(completions(read_file(bytes + Blktrace{.time = 30, .sector = 108, .bytes = 4096}.completed())), Times{30});
}

TEST_F(BlktraceTrace, ARequestThatIsIssuedAgainIsOne) {
  const Trace trace =
      read_file(Blktrace{.time = 0}.issued() + Blktrace{.time = 10}.requeued() + Blktrace{.time = 20}.issued() +
                Blktrace{.time = 25}.issued() + Blktrace{.time = 30}.completed() + Blktrace{.time = 35}.completed());
  EXPECT_EQ(completions(trace), (Times{30, 35}));
  EXPECT_EQ(trace.requests[1].submit_ns, 25U);
  const Trace ended = read_file(Blktrace{.time = 0}.issued() + Blktrace{.time = 10}.requeued() +
                                Blktrace{.time = 20}.completed() + Blktrace{.time = 30}.issued());
  EXPECT_EQ(completions(ended), (Times{20, kNoCompletion})) << "what completed is not issued again";
}

TEST_F(BlktraceTrace, WhatIsQueuedCountsWhereNothingIsIssued) {
  const std::string queued = Blktrace{.time = 0, .sequence = 1}.queued() + Blktrace{.time = 9}.completed();
  const Trace trace = read_file(queued);
  EXPECT_EQ(completions(trace), Times{9});
  EXPECT_EQ(trace.requests[0].tag, 1U);
  const Trace issued = read_file(queued + Blktrace{.time = 10, .sector = 7}.issued());
  ASSERT_EQ(issued.requests.size(), 1U);
  EXPECT_EQ(issued.requests[0].lba, 7U);
}

// Three were merged into one request, and it completes in two parts; a requeue is the merged one's.
TEST_F(BlktraceTrace, WhatWasQueuedAndMergedCompletesTogether) {
  std::string bytes;
  for (std::uint64_t i = 0; i < 3; ++i) bytes += Blktrace{.time = i, .sector = 100 + 8 * i}.queued();
  bytes += Blktrace{.time = 5, .sector = 100}.requeued();
  const Trace trace = read_file(bytes + Blktrace{.time = 10, .sector = 100, .bytes = 6144}.completed() +
                                Blktrace{.time = 20, .sector = 112, .bytes = 6144}.completed());
  EXPECT_EQ(completions(trace), (Times{10, 20, 20}));
}

TEST_F(BlktraceTrace, EqualTimesAreTakenAsTheyMustHaveBeen) {
  scratch_.write("a/sda.blktrace.0", Blktrace{.time = 100}.completed() + Blktrace{.time = 200}.completed());
  scratch_.write("a/sda.blktrace.1", Blktrace{.time = 100}.issued() + Blktrace{.time = 200}.issued());
  EXPECT_EQ(completions(read(scratch_.path() / "a")), (Times{0, 100}));
}

TEST_F(BlktraceTrace, KnowsWhatKindOfRequestItIs) {
  const auto operation = [&](std::uint32_t category) {
    return read_file(Blktrace{.category = category}.issued()).requests[0].operation;
  };
  EXPECT_EQ(operation(kReads | kAhead), Operation::kRead);
  EXPECT_EQ(operation(kWrites | kFlushes | kFua), Operation::kWrite);
  EXPECT_EQ(operation(kWrites | kDiscards), Operation::kDiscard);
  const Trace discard = read_file(Blktrace{.bytes = 1U << 31, .category = kDiscards}.issued());
  EXPECT_EQ(discard.requests[0].bytes, 1U << 31);
}

TEST_F(BlktraceTrace, LeavesOutWhatMovesNoBlocks) {
  const std::string others = Blktrace{.sector = UINT64_MAX, .bytes = 0, .category = kWrites | kFlushes}.issued() +
                             Blktrace{.bytes = 36, .category = kReads | kCommand}.issued() +
                             Blktrace{.category = kNotify | kReads, .payload = "message"}.issued() +
                             Blktrace{.category = kReads}.record(2) + Blktrace{.category = kReads}.record(13);
  ASSERT_EQ(read_file(others + Blktrace{.time = 2000}.issued()).requests.size(), 1U);
  expect_error(file(others), {"expected requests that are issued (D) or queued (Q), found none in 1 file"});
  scratch_.write("t/sda.blktrace.1", "");
  expect_error(scratch_.path() / "t", {"found none in 2 files"});
}

// The payload begins with the id of the control group.
TEST_F(BlktraceTrace, KnowsRecordsOfControlGroups) {
  const std::string bytes = Blktrace{.time = 0, .payload = "8 bytes."}.record(7 | 1 << 8) +
                            Blktrace{.time = 7, .payload = "8 bytes."}.record(8 | 1 << 8);
  EXPECT_EQ(completions(read_file(bytes)), Times{7});
}

TEST_F(BlktraceTrace, RefusesWhatIsNoRecord) {
  expect_refused(Blktrace{.magic = 0x12345678}.issued(),
                 {"a blktrace record, which begins with 0x65617407, found 0x12345678"});
  expect_refused(Blktrace{.magic = 0x65617406}.issued(), {"blktrace version 7, found version 6"});
  expect_refused(Blktrace{.magic = 0x07746165}.issued(), {"little-endian blktrace records, found a big-endian one"});
  expect_error(file(Blktrace{.magic = 0x07746165}.issued()), {"offset 0: expected little-endian blktrace records"});
  expect_error(file(Blktrace{.magic = 0x65617408}.issued()),
               {"offset 0: expected blktrace version 7, found version 8"});
}

TEST_F(BlktraceTrace, RefusesWhatNoRequestHas) {
  expect_refused(Blktrace{.time = 1ULL << 63}.issued(), {"a time below 2^63 ns, found 9223372036854775808"});
  expect_refused(Blktrace{.sector = 1ULL << 55}.issued(), {"a sector below 2^55, found 36028797018963968"});
  expect_refused(Blktrace{.sector = UINT64_MAX}.completed(), {"a sector below 2^55"});
  expect_refused(Blktrace{.cpu = 65'536}.issued(), {"a CPU below 65536, found 65536"});
  expect_refused(Blktrace{.bytes = 513}.queued(), {"a length that is a multiple of 512, found 513"});
  expect_refused(Blktrace{.bytes = 256}.issued(), {"a length that is a multiple of 512, found 256"});
  expect_refused(Blktrace{.category = kSynchronous}.issued(), {"reads, writes or discards, found action 0x80007"});
  expect_refused(Blktrace{.category = kReads | kWrites}.issued(), {"reads, writes or discards, found action 0x30007"});
  const Trace most = read_file(Blktrace{.time = INT64_MAX, .sector = (1ULL << 55) - 1, .cpu = 65'535}.issued());
  EXPECT_EQ(most.queues, std::vector<std::uint16_t>{65'535});
}

TEST_F(BlktraceTrace, RefusesACutRecord) {
  const std::string record = Blktrace{.payload = "sixteen bytes..."}.issued();
  for (const std::size_t size : {1U, 4U, 47U}) {
    expect_refused(record.substr(0, size), {"a record of 48 bytes, found the end of the file after " +
                                            std::to_string(size) + " (is the file cut off?)"});
  }
  for (const std::size_t size : {48U, 63U}) {
    expect_refused(record.substr(0, size),
                   {"a payload of 16 bytes, found the end of the file after " + std::to_string(size - 48) + " ("});
  }
  scratch_.write("t/sda.blktrace.7", record.substr(0, 50));
  file(record);
  expect_error(scratch_.path() / "t", {": sda.blktrace.7: offset 0: expected a payload"});
}

TEST_F(BlktraceTrace, TellsProgressUpToTheEnd) {
  std::string bytes;
  for (unsigned i = 0; i < 10'000; ++i) bytes += Blktrace{.time = i, .payload = "process"}.issued();
  scratch_.write("sda.blktrace.0", bytes);
  scratch_.write("sda.blktrace.1", cpu1());
  std::vector<std::uint64_t> told;
  const std::uint64_t size = bytes.size() + cpu1().size();
  read(scratch_.path(), [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, size);
    told.push_back(done);
  });
  EXPECT_EQ(told.size(), 4U);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), size);
}

TEST_F(BlktraceTrace, EveryCutAndEveryChangedByteIsReadOrRefused) {
  const auto path = file(Blktrace{.payload = "process"}.issued() + Blktrace{.time = 1100}.completed());
  expect_read_or_refused(path, path, every_flip());
  file(cpu0());
  const auto second = scratch_.write("t/sda.blktrace.1", cpu1());
  expect_read_or_refused(scratch_.path() / "t", second, {0x01, 0x80, 0xff});
}

// ---- Many records ----

constexpr std::uint64_t kManyRequests = 300'000;

// Each CPU's file is in order, both behind each other are not: 28 MiB of files, 31 MiB of events and requests.
void write_many(const Scratch& scratch) {
  std::ofstream issued(scratch.path() / "sda.blktrace.0", std::ios::binary);
  std::ofstream completed(scratch.path() / "sda.blktrace.1", std::ios::binary);
  for (std::uint64_t i = 0; i < kManyRequests; ++i) {
    issued << Blktrace{.time = i, .sector = 8 * i}.issued();
    completed << Blktrace{.time = i + 10, .sector = 8 * i, .cpu = 1}.completed();
  }
}

enum Many : int { kAllComplete, kOutOfMemory, kWrong };

int read_many(const std::filesystem::path& path, std::size_t spool_memory) try {
  set_spool_memory(spool_memory);
  if (!vmbsave::test::limit_data(16 << 20)) return kWrong;
  const Trace trace = read(path);
  const auto is_right = [](const Request& request) { return request.complete_ns == request.submit_ns + 10; };
  const bool right =
      trace.requests.size() == kManyRequests && std::all_of(trace.requests.begin(), trace.requests.end(), is_right);
  return right ? kAllComplete : kWrong;
} catch (const std::bad_alloc&) {
  return kOutOfMemory;
}

TEST(BlktraceMemory, DoesNotGrowWithTheTrace) {
  if (vmbsave::test::kNeedsMemory) GTEST_SKIP() << "the sanitizers need more memory than the limit leaves";
  const Scratch scratch;
  write_many(scratch);
  const auto within = [&](std::size_t memory) {
    return vmbsave::test::in_child([&] { return read_many(scratch.path(), memory); });
  };
  EXPECT_EQ(within(1 << 20), kAllComplete);
  EXPECT_EQ(within(SIZE_MAX), kOutOfMemory) << "in memory it needs more than the limit";
}

TEST_F(BlktraceTrace, RealTrace) {
  const std::string name = "blktrace/sample.blktrace.0";
  const auto path = real_trace(name);
  if (path.empty()) GTEST_SKIP() << "no trace " << name;
  const Trace trace = read(path);
  EXPECT_EQ(trace.format, "blktrace");
  EXPECT_TRUE(trace.measured_completions);
  ASSERT_EQ(trace.requests.size(), 963U);
  EXPECT_EQ(peak_in_flight(trace.requests), 1);
  EXPECT_EQ(trace.requests[0].lba, 2'348'060'440U);
  EXPECT_EQ(trace.requests[0].complete_ns, 56'992U - 1'676U);

  std::vector<std::uint64_t> latencies;
  for (const Request& request : trace.requests) {
    EXPECT_EQ(request.bytes, 4096U);
    EXPECT_EQ(request.operation, Operation::kRead);
    latencies.push_back(request.complete_ns - request.submit_ns);
  }
  std::sort(latencies.begin(), latencies.end());
  EXPECT_EQ(latencies[latencies.size() / 2], 54'257U);
  EXPECT_EQ(latencies[latencies.size() * 90 / 100], 56'372U);
  EXPECT_EQ(latencies[latencies.size() * 99 / 100], 92'572U);
  EXPECT_EQ(latencies.back(), 102'460U);
}

}  // namespace
}  // namespace vmbsave::trace::test
