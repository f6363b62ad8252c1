#include <gtest/gtest.h>
#include <unistd.h>

#include "trace_files.hpp"

namespace vmbsave::trace::test {
namespace {

// Two queues; every request completes on the other one.
const std::string kQueue3 = Octf{.sid = 1, .time = 500}.device() +
                            Octf{.sid = 3, .time = 1000, .id = 0xa, .lba = 64, .sectors = 256}.submission() +
                            Octf{.sid = 6, .time = 1900, .id = 0xb}.completion();
const std::string kQueue11 = Octf{.sid = 2, .time = 510}.device() +
                             Octf{.sid = 4, .time = 1200, .id = 0xb, .lba = 1ULL << 33, .operation = 1}.submission() +
                             Octf{.sid = 5, .time = 1500, .id = 0xa}.completion();

class OctfTrace : public testing::Test {
 protected:
  /// Writes the events as the file of queue 0 and names the directory.
  std::filesystem::path queue0(const std::string& bytes) const {
    scratch_.write("trace/octf.trace.0", bytes);
    return scratch_.path() / "trace";
  }

  /// The events behind a good one are refused: the error names the file, their offset and each of the parts.
  void expect_refused(const std::string& bytes, const std::vector<std::string>& parts) const {
    const std::string good = Octf{}.submission();
    std::vector<std::string> all = {"octf.trace.0: offset " + std::to_string(good.size()) + ": expected "};
    all.insert(all.end(), parts.begin(), parts.end());
    expect_error(queue0(good + bytes), all);
  }

  Scratch scratch_;
};

void expect_two_requests(const Trace& trace) {
  EXPECT_EQ(trace.format, "octf");
  EXPECT_TRUE(trace.measured_completions);
  EXPECT_EQ(trace.queues, (std::vector<std::uint16_t>{3, 11}));
  ASSERT_EQ(trace.requests.size(), 2U);
  const Request& first = trace.requests[0];
  EXPECT_EQ(first.submit_ns, 0U);
  EXPECT_EQ(first.complete_ns, 500U);
  EXPECT_EQ(first.lba, 64U);
  EXPECT_EQ(first.tag, 0xaU);
  EXPECT_EQ(first.bytes, 131'072U);
  EXPECT_EQ(first.first_byte, 0U);
  EXPECT_EQ(first.queue, 3U);
  EXPECT_EQ(first.operation, Operation::kWrite);
  const Request& second = trace.requests[1];
  EXPECT_EQ(second.submit_ns, 200U);
  EXPECT_EQ(second.complete_ns, 900U);
  EXPECT_EQ(second.lba, 1ULL << 33);
  EXPECT_EQ(second.bytes, 4'096U);
  EXPECT_EQ(second.queue, 11U);
  EXPECT_EQ(second.operation, Operation::kRead);
}

TEST_F(OctfTrace, ReadsADirectory) {
  scratch_.write("octf.trace.11", kQueue11);
  scratch_.write("octf.trace.3", kQueue3);
  scratch_.write("octf.summary", "{}");
  scratch_.write("octf.trace.old", "no queue's file");
  scratch_.write("octf.trace.4.bak", "nor this");
  expect_two_requests(read(scratch_.path()));
}

TEST_F(OctfTrace, ReadsADirectoryAboveTheTrace) {
  scratch_.write("a/2020-07-02_08:52:51/octf.trace.3", kQueue3);
  scratch_.write("a/2020-07-02_08:52:51/octf.trace.11", kQueue11);
  expect_two_requests(read(scratch_.path()));
}

TEST_F(OctfTrace, ReadsArchives) {
  const Members members = {{"t/octf.summary", "{}"}, {"t/u/octf.trace.11", kQueue11}, {"t/u/octf.trace.3", kQueue3}};
  expect_two_requests(read(scratch_.write("trace.tar", tar(members))));
  expect_two_requests(read(scratch_.write("trace.tar.xz", xz(tar(members)))));
}

// In a locale that cannot write such names, too.
TEST_F(OctfTrace, ReadsArchivesWithAnyName) {
  const std::string bytes = tar_utf8_name("\xc3\xa4/octf.trace.3") + tar_member("0", kQueue3) +
                            tar_utf8_name("\xc3\xa4/octf.trace.11") + tar_member("1", kQueue11);
  expect_two_requests(read(scratch_.write("trace.tar", bytes + std::string(1024, '\0'))));
}

TEST_F(OctfTrace, AnIdUsedAgainBelongsToTheLatestSubmission) {
  const Trace trace =
      read(queue0(Octf{.sid = 1, .time = 100, .lba = 1}.submission() + Octf{.sid = 2, .time = 200}.completion() +
                  Octf{.sid = 3, .time = 300, .lba = 2}.submission() +
                  Octf{.sid = 4, .time = 400, .lba = 3}.submission() + Octf{.sid = 5, .time = 450}.completion()));
  ASSERT_EQ(trace.requests.size(), 3U);
  EXPECT_EQ(trace.requests[0].complete_ns, 100U);
  EXPECT_EQ(trace.requests[1].complete_ns, kNoCompletion);  // its id was taken before it completed
  EXPECT_EQ(trace.requests[2].complete_ns, 350U);
}

TEST_F(OctfTrace, ACompletionOnAnotherQueueCountsByTime) {
  scratch_.write("t/octf.trace.0", Octf{.sid = 2, .time = 200}.completion() + Octf{.sid = 4, .time = 350}.completion());
  scratch_.write("t/octf.trace.1", Octf{.sid = 1, .time = 100}.submission() + Octf{.sid = 3, .time = 300}.submission());
  const Trace trace = read(scratch_.path());
  EXPECT_EQ(trace.queues, std::vector<std::uint16_t>{1});
  ASSERT_EQ(trace.requests.size(), 2U);
  EXPECT_EQ(trace.requests[0].complete_ns, 100U);
  EXPECT_EQ(trace.requests[1].submit_ns, 200U);
  EXPECT_EQ(trace.requests[1].complete_ns, 250U);
}

TEST_F(OctfTrace, EqualTimesGoBySequenceNumber) {
  scratch_.write("t/octf.trace.0", Octf{.sid = 3, .time = 200, .lba = 2}.submission());
  scratch_.write("t/octf.trace.1", Octf{.sid = 1, .time = 100, .lba = 1}.submission() +
                                       Octf{.sid = 2, .time = 200}.completion() +
                                       Octf{.sid = 4, .time = 200}.completion());
  const Trace trace = read(scratch_.path());
  ASSERT_EQ(trace.requests.size(), 2U);
  EXPECT_EQ(trace.requests[0].complete_ns, 100U);
  EXPECT_EQ(trace.requests[1].submit_ns, 100U);
  EXPECT_EQ(trace.requests[1].complete_ns, 100U);
}

TEST_F(OctfTrace, ASecondCompletionIsIgnored) {
  const Trace trace = read(queue0(Octf{.sid = 1, .time = 100}.submission() + Octf{.sid = 2, .time = 150}.completion() +
                                  Octf{.sid = 3, .time = 190}.completion()));
  ASSERT_EQ(trace.requests.size(), 1U);
  EXPECT_EQ(trace.requests[0].complete_ns, 50U);
}

TEST_F(OctfTrace, ACutTraceIsNoDamage) {
  const Trace trace =
      read(queue0(Octf{.sid = 1, .time = 50, .id = 7}.completion() +    // submitted before the trace began
                  Octf{.sid = 2, .time = 100, .id = 7}.submission()));  // completed after it ended
  ASSERT_EQ(trace.requests.size(), 1U);
  EXPECT_EQ(trace.requests[0].complete_ns, kNoCompletion);
  EXPECT_FALSE(trace.measured_completions);
}

TEST_F(OctfTrace, FlushesAreLeftOut) {
  const Trace trace = read(queue0(Octf{.sid = 1, .time = 10, .id = 7, .sectors = 0, .flush = true}.submission() +
                                  Octf{.sid = 2, .time = 100, .id = 8, .flush = true}.submission() +
                                  Octf{.sid = 3, .time = 150, .id = 7}.completion() +
                                  Octf{.sid = 4, .time = 160, .id = 8, .sectors = 0, .flush = true}.submission() +
                                  Octf{.sid = 5, .time = 170, .id = 8}.completion()));
  ASSERT_EQ(trace.requests.size(), 1U);  // the flush that comes with data
  EXPECT_EQ(trace.requests[0].submit_ns, 0U);
  EXPECT_EQ(trace.requests[0].complete_ns, kNoCompletion);  // the last completion is that of the flush
}

TEST_F(OctfTrace, DiscardsMayBeLarge) {
  const Trace trace = read(queue0(Octf{.sectors = 0x7fffff, .operation = 3}.submission()));
  EXPECT_EQ(trace.requests[0].operation, Operation::kDiscard);
  EXPECT_EQ(trace.requests[0].bytes, 0xfffffe00U);
}

TEST_F(OctfTrace, RefusesACompletionBeforeItsSubmission) {
  const std::string good = Octf{.sid = 1, .time = 10, .id = 7}.submission();
  const std::string early = Octf{.sid = 3, .time = 99}.completion();
  scratch_.write("octf.trace.5", good + early);
  scratch_.write("octf.trace.6", Octf{.sid = 2, .time = 100}.submission());
  expect_error(scratch_.path(), {"octf.trace.5: offset " + std::to_string(good.size()) + ": expected request 0xabc0",
                                 "after its submission at 100 ns (octf.trace.6, offset 0)", "at 99 ns"});
}

TEST_F(OctfTrace, RefusesEventsThatNoTraceHolds) {
  expect_refused(Octf{.operation = 0}.submission(), {"operation 1 (read), 2 (write) or 3 (discard), found 0"});
  expect_refused(Octf{.operation = 4}.submission(), {"found 4"});
  expect_refused(Octf{.sectors = 0}.submission(), {"1 to 8388607 sectors, found 0"});
  expect_refused(Octf{.sectors = 0x800000}.submission(), {"1 to 8388607 sectors, found 8388608"});
  expect_refused(Octf{.id = 0}.submission(), {"the id of a request, found none"});
  expect_refused(Octf{.id = 0}.completion(), {"the id of a request, found none"});
  expect_refused(Octf{.time = 1ULL << 63}.completion(), {"a time stamp below 2^63 ns, found 9223372036854775808"});
  expect_refused(framed(nested(2, number(1, 5))), {"an event with a header (field 1), found none"});
  expect_refused(framed(""), {"an event with a header (field 1), found none"});
}

// Of completions whose requests are not in the trace, only the last are remembered.
TEST_F(OctfTrace, ACompletionTooEarlyIsRefusedUnlessItLiesFarBack) {
  constexpr std::uint64_t kMany = 65'536;
  for (const std::uint64_t others : {kMany - 1, kMany}) {
    std::string bytes = Octf{.sid = 1'000'000, .time = 100, .id = 5}.completion();
    for (std::uint64_t i = 0; i < others; ++i) {
      bytes += Octf{.sid = 1 + i, .time = 101 + i, .id = 1000 + i}.completion();
    }
    const auto trace = queue0(bytes + Octf{.sid = 999'999, .time = 1'000'000, .id = 5}.submission());
    if (others < kMany) {
      expect_error(trace, {"expected request 0x5 to complete after its submission"});
    } else {
      EXPECT_EQ(read(trace).requests[0].complete_ns, kNoCompletion);
    }
  }
}

TEST_F(OctfTrace, RefusesBytesThatAreNoMessage) {
  expect_refused(framed("\xff\xff\xff"), {"an event of an octf trace, found bytes that protobuf cannot decode"});
  expect_refused(varint((1 << 20) + 1) + std::string(2 << 20, 'x'),
                 {"a message of at most 1048576 bytes, found a length of 1048577"});
  expect_refused(varint(UINT64_MAX), {"found a length of 18446744073709551615"});
  expect_refused(std::string(20, '\xff'), {"the length of a message as a varint, found"});
}

TEST_F(OctfTrace, RefusesACutMessage) {
  const std::string message = Octf{}.completion();
  ASSERT_LT(message.size(), 128U);  // so that its length is one byte
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, message.size() - 1}) {
    expect_refused(message.substr(0, size),
                   {"a message of " + std::to_string(message.size() - 1) + " bytes, found the end of the file after " +
                    std::to_string(size - 1) + " (is the file cut off?)"});
  }
  expect_refused("\x80", {"the length of a message as a varint, found the end of the file"});
}

TEST_F(OctfTrace, RefusesAnEmptyQueueFile) {
  scratch_.write("octf.trace.0", Octf{}.submission());
  scratch_.write("octf.trace.9", "");
  expect_error(scratch_.path(), {": octf.trace.9: offset 0: expected events, found an empty file"});
}

TEST_F(OctfTrace, RefusesATraceWithoutRequests) {
  expect_error(queue0(Octf{}.device()), {"expected requests, found none in 1 octf.trace files"});
}

TEST_F(OctfTrace, RefusesWhatHoldsNoQueueFiles) {
  const std::string expected = "expected octf.trace.N files in it, found none";
  scratch_.write("a/octf.summary", "{}");
  scratch_.write("a/octf.trace.", "");
  scratch_.write("a/octf.trace.99999", "");
  scratch_.write("a/octf.trace.-1", "");
  expect_error(scratch_.path() / "a", {expected});
  expect_error(scratch_.write("b.tar", tar({{"README", "text"}})), {expected});
  expect_error(scratch_.write("b.tar.xz", xz(tar({}))), {expected});
}

TEST_F(OctfTrace, RefusesTwoTracesInOne) {
  scratch_.write("a/octf.trace.3", kQueue3);
  scratch_.write("b/octf.trace.3", kQueue3);
  expect_error(scratch_.path(), {"b/octf.trace.3: offset 0: expected one file of queue 3, found a/octf.trace.3 too"});
  const Members twice = {{"octf.trace.3", kQueue3}, {"octf.trace.03", kQueue3}};
  expect_error(scratch_.write("twice.tar", tar(twice)), {"octf.trace.03: offset 0: expected one file"});
}

TEST_F(OctfTrace, RefusesDamageWithinAnArchive) {
  const std::string bytes = tar({{"t/octf.trace.3", kQueue3}, {"t/octf.trace.4", "\x05text"}});
  const std::vector<std::string> parts = {": t/octf.trace.4: offset 0: expected a message of 5 bytes"};
  expect_error(scratch_.write("bad.tar", bytes), parts);
  expect_error(scratch_.write("bad.tar.xz", xz(bytes)), parts);
}

// Long enough for several blocks of the stream, so that some events are read before the damage is met.
std::string long_trace() {
  std::string bytes;
  std::uint64_t lba = 1;
  for (std::uint64_t sid = 1; sid < 20'000; ++sid) {
    lba = lba * 6364136223846793005ULL + 1442695040888963407ULL;  // does not compress
    bytes += Octf{.sid = sid, .time = sid, .id = sid, .lba = lba}.submission();
  }
  return tar({{"octf.trace.0", bytes}});
}

const std::string kNotIntact = "expected an intact tar or tar.xz archive, found: ";

TEST_F(OctfTrace, RefusesADamagedXzStream) {
  const std::string good = xz(long_trace());
  const std::size_t middle = good.size() / 2;
  ASSERT_GT(good.size(), 100'000U);
  expect_error(scratch_.write("cut.xz", good.substr(0, middle)), {"octf.trace.0: offset ", kNotIntact});
  std::string bad = good;
  bad[middle] = static_cast<char>(~bad[middle]);
  expect_error(scratch_.write("bad.xz", bad), {"octf.trace.0: offset ", kNotIntact + "Lzma library error"});
  bad = good;
  bad[7] = '\x7f';  // in the flags of the stream
  expect_error(scratch_.write("head.xz", bad), {"offset ", kNotIntact});
}

TEST_F(OctfTrace, RefusesADamagedTar) {
  const std::string good = long_trace();
  expect_error(scratch_.write("cut.tar", good.substr(0, good.size() / 2)),
               {"octf.trace.0: offset ", kNotIntact + "Truncated tar archive"});
  EXPECT_EQ(error_of(scratch_.path() / "cut.tar").find("offset 0"), std::string::npos);
  std::string bad = good;
  bad[0] = 'p';  // in the name of the first member, which its header's checksum covers
  expect_error(scratch_.write("head.tar", bad), {"offset ", kNotIntact});
}

// An archive may fail before a message, within its length or within it: never is that the end of the trace.
TEST_F(OctfTrace, RefusesATarCutAnywhereInAMember) {
  constexpr std::size_t kRead = 8192;  // that many bytes of a member are asked for at a time
  for (const std::string& last : {std::string(), std::string("\x80"), Octf{}.submission().substr(0, 9)}) {
    const std::size_t filling = kRead - last.size() - framed(header(1, 1) + nested(3, std::string(8000, 'x'))).size();
    const std::string first = framed(header(1, 1) + nested(3, std::string(8000 + filling, 'x')));
    ASSERT_EQ((first + last).size(), kRead);
    const std::string bytes = tar({{"octf.trace.0", first + last + std::string(600, '\x80')}});
    expect_error(scratch_.write("cut.tar", bytes.substr(0, 512 + kRead)),
                 {"octf.trace.0: offset 8192: ", kNotIntact + "Truncated tar archive"});
  }
  const std::string bytes = tar({{"octf.trace.0", Octf{}.submission()}});
  expect_error(scratch_.write("none.tar", bytes.substr(0, 512)), {"octf.trace.0: offset 0: ", kNotIntact});
}

TEST_F(OctfTrace, TellsProgressUpToTheEnd) {
  const auto file = scratch_.write("trace.tar", tar({{"octf.trace.3", kQueue3}, {"other", std::string(200'000, 'x')}}));
  scratch_.write("d/octf.trace.3", kQueue3);
  for (const auto& [path, size] : {std::pair(file, std::filesystem::file_size(file)),
                                   std::pair(scratch_.path() / "d", std::uintmax_t{kQueue3.size()})}) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
    read(path, [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); });
    ASSERT_FALSE(told.empty());
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_EQ(told.back(), std::make_pair(std::uint64_t{size}, std::uint64_t{size}));
  }
}

TEST_F(OctfTrace, AnExceptionOfProgressReachesTheCaller) {
  const auto stop = [](std::uint64_t, std::uint64_t) { throw std::domain_error("stop"); };
  EXPECT_THROW(read(queue0(kQueue3), stop), std::domain_error);
}

TEST_F(OctfTrace, EveryCutAndEveryChangedByteOfAQueueFileIsReadOrRefused) {
  const auto trace = queue0(kQueue3 + Octf{.sid = 9, .id = 0xa, .sectors = 0, .flush = true}.submission());
  expect_read_or_refused(trace, trace / "octf.trace.0", every_flip());
}

TEST_F(OctfTrace, EveryCutAndEveryChangedByteOfAnArchiveIsReadOrRefused) {
  const std::string bytes = tar({{"octf.trace.3", kQueue3}});
  for (const std::string& archive : {bytes, xz(bytes)}) {
    const auto file = scratch_.write("trace", archive);
    expect_read_or_refused(file, file, {0x01, 0x80, 0xff});
  }
}

TEST_F(OctfTrace, RealTrace) {
  const std::string name = "open-cas/sample_trace.tar.xz";
  const auto path = real_trace(name);
  if (path.empty()) GTEST_SKIP() << "no trace " << name;
  const Trace trace = read(path);
  EXPECT_EQ(trace.format, "octf");
  EXPECT_TRUE(trace.measured_completions);
  ASSERT_EQ(trace.requests.size(), 64'420U);
  EXPECT_EQ(trace.queues.size(), 48U);
  EXPECT_EQ(peak_in_flight(trace.requests), 1'098);

  const Request& first = trace.requests[0];
  EXPECT_EQ(first.submit_ns, 0U);
  EXPECT_EQ(first.complete_ns, 83'797U);
  EXPECT_EQ(first.queue, 15U);
  EXPECT_EQ(first.bytes, 131'072U);
  EXPECT_EQ(first.lba, 1'652'296U);
  EXPECT_EQ(first.tag, 110'842'991'263'647U);

  const auto count = [&](Operation operation) {
    return std::count_if(trace.requests.begin(), trace.requests.end(),
                         [&](const Request& request) { return request.operation == operation; });
  };
  EXPECT_EQ(count(Operation::kRead), 1);
  EXPECT_EQ(count(Operation::kWrite), 64'188);
  EXPECT_EQ(count(Operation::kDiscard), 231);

  std::uint64_t longest = 0;
  for (const Request& request : trace.requests) longest = std::max(longest, request.complete_ns - request.submit_ns);
  EXPECT_EQ(longest / 1'000, 63'161U);  // also: every request completed
}

// Cut between two files, or between two messages, a trace reads well: only octf.summary can tell.
TEST_F(OctfTrace, EventsAreAsManyAsTheSummarySays) {
  const auto trace = [&](const std::string& summary) {
    return scratch_.write("s.tar", tar({{"t/octf.summary", summary}, {"t/octf.trace.3", kQueue3}}));
  };
  EXPECT_EQ(read(trace(R"({"tracedEvents": "3"})")).requests.size(), 1U);
  EXPECT_EQ(read(trace(R"({"tracedEvents": 3})")).requests.size(), 1U);
  EXPECT_EQ(read(trace("not JSON")).requests.size(), 1U);
  expect_error(trace(R"({"tracedEvents": "6"})"), {"s.tar", "expected 6 events", "found 3 in 1"});
  scratch_.write("d/octf.trace.3", kQueue3);
  scratch_.write("d/octf.summary", R"({"tracedEvents": "4"})");
  expect_error(scratch_.path() / "d", {"expected 4 events"});
}

// As somebody whom permissions hold for, which root is not.
TEST_F(OctfTrace, AFolderThatMayNotBeReadIsNamedOnce) {
  namespace fs = std::filesystem;
  const fs::path folder = queue0(Octf{}.submission());
  fs::permissions(scratch_.path(), fs::perms::owner_all | fs::perms::others_exec);
  fs::permissions(folder, fs::perms::none);
  const bool root = geteuid() == 0;
  ASSERT_EQ(root ? seteuid(65534) : 0, 0);
  const std::string error = error_of(folder);
  const std::string error_in_it = error_of(folder / "octf.trace.0");
  ASSERT_EQ(root ? seteuid(0) : 0, 0);
  fs::permissions(folder, fs::perms::owner_all);
  EXPECT_EQ(error, "cannot read trace " + folder.string() + ": Permission denied");
  EXPECT_EQ(error_in_it, "cannot read trace " + folder.string() + "/octf.trace.0: Permission denied");
}

}  // namespace
}  // namespace vmbsave::trace::test
