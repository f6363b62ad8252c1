// What a trace holds: traces by hand, whose answers are known, and the real ones.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "scenarios/profile/level_counts.hpp"
#include "scenarios/profile/measure.hpp"
#include "scenarios/profile/size_counts.hpp"
#include "scenarios/profile/time_line.hpp"

namespace vmbsave::profile {
namespace {

using trace::Operation;
using trace::Profile;

struct Of {
  std::uint64_t submit;
  std::uint64_t complete;
  std::uint32_t bytes = 4096;
  std::uint16_t queue = 0;
  Operation operation = Operation::kWrite;
};

trace::Trace trace_of(const std::vector<Of>& requests) {
  trace::Trace trace;
  trace.format = "test";
  for (const Of& of : requests) {
    trace::Request request{};
    request.submit_ns = of.submit;
    request.complete_ns = of.complete;
    request.bytes = of.bytes;
    request.queue = of.queue;
    request.operation = of.operation;
    trace.requests.push_back(request);
  }
  return trace;
}

std::vector<std::uint64_t> in_use(const std::vector<trace::Level>& levels) {
  std::vector<std::uint64_t> in_use;
  for (const trace::Level& level : levels) in_use.push_back(level.in_use);
  return in_use;
}

std::vector<std::pair<std::uint32_t, std::uint64_t>> pairs(const std::vector<trace::SizeShare>& sizes) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> pairs;
  for (const trace::SizeShare& size : sizes) pairs.emplace_back(size.bytes, size.requests);
  return pairs;
}

TEST(Measure, ATraceByHand) {
  const trace::Trace trace = trace_of({{0, 10'000, 512, 3, Operation::kRead},
                                       {2'000, 12'000, 4096, 3},
                                       {2'000, 6'000, 4096, 9},
                                       {10'000, 20'000, 512, 9, Operation::kDiscard},
                                       {30'000, 40'000, 1024, 9}});
  const Profile profile = measure(trace, {.name = "n", .source = "s", .credit = "c", .service_time_ns = {}});
  EXPECT_EQ(profile.name + profile.source + profile.credit + profile.format, "nsctest");
  EXPECT_EQ(profile.kind, trace::ProfileKind::kBlock);
  EXPECT_EQ(profile.requests, 5u);
  EXPECT_EQ(profile.span_ns, 30'000u);
  EXPECT_EQ(profile.completed, 5u);
  EXPECT_EQ(profile.service_time_ns, 9'000u) << "(10 + 10 + 4 + 10 + 10) / 5 us, to the nearest";
  using Sizes = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
  EXPECT_EQ(pairs(profile.sizes), (Sizes{{4096, 2}, {512, 1}, {1024, 1}})) << "the discard left out, the first first";
  EXPECT_EQ(profile.operations, (std::array<std::uint64_t, 5>{1, 3, 1, 0, 0}));
  ASSERT_EQ(profile.queues.size(), 2u);
  EXPECT_EQ(profile.queues[0].queue, 3u);
  EXPECT_EQ(profile.queues[0].requests, 2u);
  EXPECT_EQ(profile.queues[1].queue, 9u);
  EXPECT_EQ(profile.queues[1].requests, 3u);
  // At arrivals 1, 2, 3, 2 (one completes as it comes), 1. Over 40 us: 0 for 10, 1 for 2 + 8 + 10, 2 for 4 + 2, 3
  // for 4.
  EXPECT_EQ(in_use(profile.arrivals), (std::vector<std::uint64_t>{1, 1, 2, 2, 3, 3, 3, 3, 3}));
  EXPECT_EQ(in_use(profile.over_time), (std::vector<std::uint64_t>{0, 0, 1, 1, 2, 3, 3, 3, 3}));
  EXPECT_EQ(profile.peak, 3u);
  EXPECT_EQ(profile.peak_at_ns, 2'000u);
  EXPECT_EQ(profile.end_ns, 40'000u);
  EXPECT_DOUBLE_EQ(profile.mean, 44.0 / 40);
  EXPECT_EQ(profile.bucket_ns, 167u);
  ASSERT_EQ(profile.bucket_peaks.size(), 240u);
  EXPECT_EQ(profile.bucket_peaks.front(), 1u);
  EXPECT_EQ(profile.bucket_peaks[2'000 / 167], 3u);
  EXPECT_EQ(profile.bucket_peaks[25'000 / 167], 0u);
  EXPECT_DOUBLE_EQ(profile.bucket_means[25'000 / 167], 0);
  EXPECT_DOUBLE_EQ(profile.bucket_means.back(), 1) << "it is shorter";
}

TEST(Measure, AServiceTimeReplacesMeasuredCompletions) {
  const Profile profile = measure(trace_of({{0, 10}, {5, 15}, {100, 110}}),
                                  {.name = {}, .source = {}, .credit = {}, .service_time_ns = 200});
  EXPECT_EQ(profile.completed, 0u);
  EXPECT_EQ(profile.service_time_ns, 200u);
  EXPECT_EQ(profile.peak, 3u);
  EXPECT_EQ(profile.end_ns, 300u);
}

TEST(Measure, RequestsThatDoNotCompleteAreInUseToTheEnd) {
  const Profile profile = measure(trace_of({{0, trace::kNoCompletion}, {50, 60}, {100, trace::kNoCompletion}}), {});
  EXPECT_EQ(profile.completed, 1u);
  EXPECT_EQ(profile.service_time_ns, 1'000u) << "a microsecond at least";
  EXPECT_EQ(profile.peak, 2u);
  EXPECT_EQ(profile.end_ns, 100u);
  EXPECT_EQ(profile.bucket_peaks.back(), 2u) << "what comes at the end is seen";
  EXPECT_DOUBLE_EQ(profile.mean, 1.1);
}

TEST(Measure, AllAtOnce) {
  const Profile profile = measure(trace_of({{0, trace::kNoCompletion}, {0, trace::kNoCompletion}, {0, 0}}), {});
  EXPECT_EQ(profile.peak, 2u) << "one is in use at no time";
  EXPECT_EQ(profile.arrivals.back().in_use, 3u);
  EXPECT_EQ(profile.bucket_peaks, (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(profile.bucket_ns, 1u);
  EXPECT_EQ(profile.end_ns, 0u);
}

TEST(Measure, RareSizesAreLeftOutAndCounted) {
  const Profile profile = measure(trace_of({{0, 1, 512}, {1, 2, 1024}, {2, 3, 512}, {3, 4, 2048}}),
                                  {.name = {}, .source = {}, .credit = {}, .service_time_ns = {}, .min_count = 2});
  ASSERT_EQ(profile.sizes.size(), 1u);
  EXPECT_EQ(profile.sizes[0].bytes, 512u);
  EXPECT_EQ(profile.left_out_sizes, 2u);
  EXPECT_EQ(profile.left_out_requests, 2u);
  EXPECT_EQ(profile.min_count, 2u);
}

TEST(Measure, FramesMakeANetwork) {
  const Profile profile =
      measure(trace_of({{0, 10, 66, 0, Operation::kTransmit}, {1, 11, 1514, 2, Operation::kReceive}}), {});
  EXPECT_EQ(profile.kind, trace::ProfileKind::kNetwork);
  EXPECT_EQ(profile.operations, (std::array<std::uint64_t, 5>{0, 0, 0, 1, 1}));
}

TEST(Measure, TheBusiestSecond) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const Profile profile = measure(trace_of({{0, 1},
                                            {kSecond - 1, kSecond},
                                            {kSecond, kSecond + 1},
                                            {kSecond + 5, kSecond + 9},
                                            {2 * kSecond - 1, 2 * kSecond},
                                            {7 * kSecond, 7 * kSecond + 1}}),
                                  {});
  EXPECT_EQ(profile.busiest_second_requests, 3u);
  EXPECT_EQ(profile.busiest_second_start_ns, kSecond);
}

// A profile of a measured trace can be run.
TEST(Measure, IsReadBackAsItIs) {
  const Profile profile = measure(trace_of({{0, 10'000, 512, 3, Operation::kRead}, {5, 20'007, 1024, 60'000}}),
                                  {.name = "n", .source = "s", .credit = "c", .service_time_ns = {}});
  const std::string json = trace::profile_json(profile);
  const Profile read = trace::parse_profile(json, "FILE");
  EXPECT_EQ(trace::profile_json(read), json);
  EXPECT_FALSE(trace::generate(read).requests.empty());
}

TEST(LevelCounts, AreExactToTheirBoundAndOfAClassAbove) {
  LevelCounts exact;
  for (std::uint64_t level = 0; level < 65'536; ++level) exact.add(level, 1);
  EXPECT_EQ(exact.levels()[2].in_use, 32'767u) << "half of them did not exceed it";
  EXPECT_EQ(exact.levels().back().in_use, 65'535u);
  exact.add(1'000'000, 65'536);
  EXPECT_EQ(exact.levels()[1].in_use, 32'767u);
  EXPECT_EQ(exact.levels()[3].in_use, 1'000'000u);
  EXPECT_EQ(exact.levels().back().in_use, 1'000'000u);
  LevelCounts high;
  high.add(3'000'000'000, 1);
  high.add(3'000'000'000'000, 9);
  const double tenth = static_cast<double>(high.levels()[0].in_use);
  EXPECT_LE(tenth, 3e9 + 3e12 / 32'768) << "the end of its class";
  EXPECT_GE(tenth, 3e9);
  EXPECT_EQ(high.levels()[1].in_use, 3'000'000'000'000u);
}

TEST(SizeCounts, TooManySizesAreRoundedUp) {
  SizeCounts few;
  for (std::uint32_t i = 1; i <= 4096; ++i) few.add(512 * i);
  EXPECT_EQ(few.step(), 1u);
  EXPECT_EQ(few.sorted().size(), 4096u);
  EXPECT_EQ(few.sorted().front().bytes, 512u) << "of equals the first";
  SizeCounts upward;
  SizeCounts downward;
  for (std::uint32_t i = 1; i <= 100'000; ++i) {
    upward.add(512 * i);
    downward.add(512 * (100'001 - i));
  }
  EXPECT_EQ(upward.step(), 16'384u) << "100,000 / 32 are few enough";
  EXPECT_EQ(downward.step(), 16'384u) << "whatever comes first";
  ASSERT_EQ(upward.sorted().size(), 3125u);
  std::uint64_t requests = 0;
  for (const trace::SizeShare& size : upward.sorted()) {
    EXPECT_EQ(size.bytes % 16'384, 0u);
    EXPECT_EQ(size.requests, 32u);
    requests += size.requests;
  }
  EXPECT_EQ(requests, 100'000u);
}

TEST(SizeCounts, OfEqualsThatWereRoundedUpTheFirstSeenIsFirst) {
  SizeCounts sizes;
  sizes.add(512);
  for (std::uint32_t i = 33; i <= 64; ++i) sizes.add(512 * i);
  for (std::uint32_t i = 2; i <= 32; ++i) sizes.add(512 * i);
  for (std::uint32_t i = 65; i <= 100'000; ++i) sizes.add(512 * i);
  EXPECT_EQ(sizes.step(), 16'384u);
  EXPECT_EQ(sizes.sorted()[0].bytes, 16'384u);
  EXPECT_EQ(sizes.sorted()[1].bytes, 2 * 16'384u);
}

TEST(SizeCounts, NoSizeIsRoundedBeyondWhatARequestHas) {
  SizeCounts sizes;
  for (std::uint32_t i = 0; i < 10'000; ++i) sizes.add(UINT32_MAX / 512 * 512 - 512 * i);
  std::uint64_t requests = 0;
  for (const trace::SizeShare& size : sizes.sorted()) {
    EXPECT_EQ(size.bytes % 512, 0u);
    EXPECT_GT(size.bytes, UINT32_MAX - 10'001u * 512);
    requests += size.requests;
  }
  EXPECT_EQ(requests, 10'000u);
}

TEST(TimeLine, SpreadsWhatIsHeldOverItsParts) {
  TimeLine line(480);
  EXPECT_EQ(line.bucket_ns(), 2u);
  line.hold(0, 1);
  line.hold(4, 5);
  line.hold(0, 480);
  std::vector<double> means = line.means();
  std::vector<std::uint64_t> peaks = line.peaks();
  means.resize(4);
  peaks.resize(4);
  EXPECT_EQ(means, (std::vector<double>{2, 4, 2, 0}));
  EXPECT_EQ(peaks, (std::vector<std::uint64_t>{4, 4, 4, 0}));
  EXPECT_DOUBLE_EQ(line.mean(), 0.033333);
}

struct Known {
  const char* file;
  const char* profile;
  std::uint64_t min_count;
  std::optional<std::uint64_t> service_time_ns;
  std::uint64_t peak;
  std::uint64_t peak_at_us;
  double mean;
  std::vector<std::uint64_t> arrivals;   // p50, p90, p99
  std::vector<std::uint64_t> over_time;  // p50, p90, p99, p99.9
  std::uint64_t busiest_second;
};
void PrintTo(const Known& known, std::ostream* out) { *out << known.file; }

class RealTrace : public testing::TestWithParam<Known> {};

// What others found of them, and the committed profiles are what they hold.
TEST_P(RealTrace, HoldsWhatIsKnownOfIt) {
  const Known& known = GetParam();
  const char* const folder = std::getenv("VMBSAVE_TRACES");
  const std::filesystem::path path = std::filesystem::path(folder == nullptr ? "" : folder) / known.file;
  if (folder == nullptr || !std::filesystem::exists(path)) GTEST_SKIP() << "no trace " << known.file;
  const Profile committed = trace::built_in_profile(known.profile);
  Profile profile = measure(trace::read(path), {.name = committed.name,
                                                .source = committed.source,
                                                .credit = committed.credit,
                                                .service_time_ns = known.service_time_ns,
                                                .min_count = known.min_count});
  EXPECT_EQ(profile.peak, known.peak);
  EXPECT_EQ(profile.peak_at_ns / 1000, known.peak_at_us);
  EXPECT_NEAR(profile.mean, known.mean, 0.05 * known.mean);
  const auto at = [](const std::vector<trace::Level>& levels, std::initializer_list<std::size_t> indices) {
    std::vector<std::uint64_t> values;
    for (const std::size_t index : indices) values.push_back(levels[index].in_use);
    return values;
  };
  EXPECT_EQ(at(profile.arrivals, {2, 4, 6}), known.arrivals);
  EXPECT_EQ(at(profile.over_time, {2, 4, 6, 7}), known.over_time);
  EXPECT_EQ(profile.busiest_second_requests, known.busiest_second);
  profile.queues_drawn_evenly = committed.queues_drawn_evenly;
  EXPECT_EQ(trace::profile_json(profile), trace::profile_json(committed));
}

INSTANTIATE_TEST_SUITE_P(
    Known, RealTrace,
    testing::Values(
        Known{"cloudphysics/cloudPhysicsIO.vscsi",
              "cloudphysics",
              400,
              10'000'000,
              214,
              5'692'193'086,
              0.158,
              {6, 25, 111},
              {0, 0, 4, 17},
              2204},
        Known{"open-cas/sample_trace.tar.xz",
              "open-cas",
              10,
              {},
              1098,
              8'351'410,
              39.2,
              {240, 499, 805},
              {0, 162, 556, 863},
              3789},
        Known{"pcap/smb2.pcap", "smb2", 1, 1'000'000, 95, 212'118, 2.712, {26, 44, 84}, {0, 3, 47, 77}, 1178},
        Known{"pcap/kerberos_tso.pcapng",
              "kerberos-tso",
              1,
              1'000'000,
              13,
              389'854'722,
              0.000784,
              {5, 8, 12},
              {0, 0, 0, 0},
              103},
        Known{"pcap/firefox-102.13.0esr-blog-cloudflare-com.pcap",
              "firefox",
              1,
              1'000'000,
              20,
              265'031,
              0.4717,
              {4, 12, 18},
              {0, 1, 10, 16},
              570},
        Known{"pcap/afs.pcap", "afs", 1, 1'000'000, 6, 75'496'819, 0.004643, {2, 4, 5}, {0, 0, 0, 2}, 157},
        Known{"blktrace/sample.blktrace.0", "blktrace-viewer", 1, {}, 1, 0, 0.1559, {1, 1, 1}, {0, 1, 1, 1}, 963}));

}  // namespace
}  // namespace vmbsave::profile
