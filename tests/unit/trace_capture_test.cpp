#include <gtest/gtest.h>

#include <numeric>

#include "unit/capture_files.hpp"

namespace vmbsave::trace::test {
namespace {

// Three frames from 1 to 2, the second of them late in the file, and one back.
std::string pcap_of_four(const PcapFormat& format) {
  return format.header() + format.frame(100, 5, tcp(1, 2)) + format.frame(100, 905, tcp(2, 1, 445, 1000)) +
         format.frame(101, 0, tcp(1, 2, 1001)) + format.frame(100, 7, tcp(1, 2) + std::string(40, 'x'));
}

void expect_four(const Trace& trace, std::uint64_t unit_ns) {
  EXPECT_EQ(trace.format, "capture");
  EXPECT_FALSE(trace.measured_completions);
  EXPECT_EQ(trace.service_time_ns, 1'000'000U);
  ASSERT_EQ(trace.requests.size(), 4U);
  const auto& [first, longer, back, other] =
      std::tie(trace.requests[0], trace.requests[1], trace.requests[2], trace.requests[3]);
  EXPECT_EQ(first.submit_ns, 0U);
  EXPECT_EQ(first.complete_ns, kNoCompletion);
  EXPECT_EQ(first.bytes, tcp(1, 2).size());
  EXPECT_EQ(first.lba, 0U);
  EXPECT_EQ(first.first_byte, 0U);
  EXPECT_EQ(first.operation, Operation::kTransmit);
  EXPECT_EQ(first.queue, first.tag % 8);
  EXPECT_EQ(longer.submit_ns, 2 * unit_ns);
  EXPECT_EQ(longer.bytes, first.bytes + 40);
  EXPECT_EQ(longer.tag, first.tag);
  EXPECT_EQ(back.submit_ns, 900 * unit_ns);
  EXPECT_EQ(back.operation, Operation::kReceive);
  EXPECT_EQ(back.tag, first.tag) << "the same flow";
  EXPECT_EQ(other.submit_ns, 1'000'000'000 - 5 * unit_ns);
  EXPECT_NE(other.tag, first.tag);
  EXPECT_EQ(other.operation, Operation::kTransmit);
}

TEST(CaptureTrace, ReadsPcapInEitherOrderAndResolution) {
  const Scratch scratch;
  for (const bool big : {false, true}) {
    for (const bool nanos : {false, true}) {
      const auto file = scratch.write("trace", pcap_of_four({.big = big, .nanos = nanos}));
      expect_four(read(file), nanos ? 1 : 1000);
    }
  }
}

TEST(CaptureTrace, ReadsPcapngInEitherOrderAndResolution) {
  const Scratch scratch;
  for (const bool big : {false, true}) {
    for (const unsigned decimals : {6U, 9U}) {
      const PcapngFormat format{big};
      const std::uint64_t second = decimals == 6 ? 1'000'000 : 1'000'000'000;
      const auto file = scratch.write(
          "trace", format.section() + format.interface(1, decimals) + format.frame(100 * second + 5, tcp(1, 2)) +
                       format.frame(100 * second + 905, tcp(2, 1, 445, 1000)) +
                       format.frame(101 * second, tcp(1, 2, 1001)) + format.block(0x0BAD, "of a kind not known") +
                       format.frame(100 * second + 7, tcp(1, 2) + std::string(40, 'x')));
      expect_four(read(file), decimals == 6 ? 1000 : 1);
    }
  }
}

TEST(CaptureTrace, AShorterCopyHasTheLengthOfTheFrame) {
  const Scratch scratch;
  const PcapFormat format{.kept = 40};
  const Trace trace = read(scratch.write("trace", format.header() + format.frame(1, 0, tcp(1, 2), 16'162)));
  EXPECT_EQ(trace.requests[0].bytes, 16'162U);
}

TEST(CaptureTrace, TheGuestIsGivenOrTheBusiestSource) {
  const Scratch scratch;
  const auto file = scratch.write("trace", pcap_of_four({}));
  const auto transmitted = [&](const char* guest) {
    const Trace trace = read(file, {}, {}, parse_mac(guest));
    return std::count_if(trace.requests.begin(), trace.requests.end(),
                         [](const Request& request) { return request.operation == Operation::kTransmit; });
  };
  EXPECT_EQ(transmitted(""), 3);
  EXPECT_EQ(transmitted("00:15:5d:01:02:01"), 3);
  EXPECT_EQ(transmitted("00:15:5D:01:02:02"), 1);
  try {
    transmitted("00:15:5d:01:02:03");
    ADD_FAILURE() << "read";
  } catch (const TraceError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("expected frames from or to the guest 00:15:5d:01:02:03, found none"), text.npos) << text;
  }
  const PcapFormat format;
  const Trace tie =
      read(scratch.write("tie", format.header() + format.frame(1, 0, tcp(8, 7)) + format.frame(1, 1, tcp(7, 8))));
  EXPECT_EQ(tie.requests[0].operation, Operation::kReceive) << "the lower address is the guest's";
}

TEST(CaptureTrace, MacAddresses) {
  EXPECT_EQ(parse_mac("00:15:5d:aB:02:ff"), (MacAddress{0, 0x15, 0x5d, 0xab, 2, 0xff}));
  EXPECT_EQ(mac_text({0, 0x15, 0x5d, 0xab, 2, 0xff}), "00:15:5d:ab:02:ff");
  for (const char* const wrong : {"", "1", "00:15:5d:ab:02", "00:15:5d:ab:02:ff:", "00-15-5d-ab-02-ff",
                                  "00:15:5d:ab:02:fg", "00:15:5d:ab:02: f", "00:15:5d:ab:02f:f", "0:015:5d:ab:02:ff"}) {
    EXPECT_FALSE(parse_mac(wrong)) << wrong;
  }
}

TEST(CaptureTrace, LeavesOutEmptyFrames) {
  const Scratch scratch;
  const PcapFormat format;
  EXPECT_EQ(read(scratch.write("trace", format.header() + format.frame(1, 0, "") + format.frame(2, 0, tcp(1, 2))))
                .requests.size(),
            1U);
  expect_error(scratch.write("none", format.header() + format.frame(1, 0, "")), {"expected frames, found none"});
  expect_error(scratch.write("header", format.header()), {"expected frames, found none"});
}

TEST(CaptureTrace, RefusesFramesThatNoEthernetHas) {
  const Scratch scratch;
  const PcapFormat format;
  const std::string good = format.header() + format.frame(1, 0, tcp(1, 2));
  const auto refuse = [&](const std::string& frame, const char* what) {
    expect_error(scratch.write("trace", good + frame),
                 {fmt::format("offset {}: frame 2: expected {}", good.size(), what)});
  };
  refuse(format.frame(1, 0, std::string(13, 'x')), "a frame of 14 to 65593 bytes, found 13");
  refuse(format.frame(1, 0, tcp(1, 2), 65'594), "a frame of 14 to 65593 bytes, found 65594");
  refuse(format.frame(1, 0, std::string(13, 'x'), 60),
         "at least the 14 bytes of the frame's header, found 13 that were captured");
  refuse(format.frame(1, 1'000'000, tcp(1, 2)),
         "a time of at most 9223372035 s and less than 1 s, found 1 s and 1000000000 ns");
  EXPECT_EQ(read(scratch.write("most", good + format.frame(1, 999'999, tcp(1, 2), 65'593))).requests[1].bytes, 65'593U);
}

TEST(CaptureTrace, RefusesOtherNetworks) {
  const Scratch scratch;
  expect_error(scratch.write("raw", PcapFormat{.link_type = 101}.header()),
               {"offset 0: expected frames of an Ethernet, found link type 12 (RAW)"});
  expect_error(scratch.write("wifi", PcapFormat{.link_type = 105}.header()), {"found link type 105 (IEEE802_11)"});
  const PcapngFormat format;
  expect_error(
      scratch.write("two", format.section() + format.interface() + format.frame(1, tcp(1, 2)) + format.interface(105)),
      {"frame 2: expected a frame, found"});
}

// Cut within a frame, or within the header of one.
TEST(CaptureTrace, RefusesACutFile) {
  const Scratch scratch;
  const PcapFormat format;
  const std::string frame = format.frame(1, 0, tcp(1, 2));
  const std::string bytes = format.header() + frame + frame;
  const std::size_t second = bytes.size() - frame.size();
  for (std::size_t size = second + 1; size < bytes.size(); ++size) {
    expect_error(scratch.write("trace", bytes.substr(0, size)),
                 {fmt::format("offset {}: frame 2: expected a frame, found truncated", second)});
  }
  for (const std::size_t size : {4U, 23U}) {
    expect_error(scratch.write("trace", bytes.substr(0, size)),
                 {"offset 0: expected a capture (pcap or pcapng), found"});
  }
  const PcapngFormat ng;
  const std::string good = ng.section() + ng.interface() + ng.frame(1, tcp(1, 2));
  expect_error(scratch.write("ng", good.substr(0, good.size() - 5)), {"frame 1: expected a frame, found truncated"});
  expect_error(scratch.write("ng", ng.section()), {"offset 0: expected a capture (pcap or pcapng), found"});
}

TEST(CaptureTrace, SourcesAreCountedUpToABound) {
  const Scratch scratch;
  const PcapFormat format;
  std::string bytes = format.header();
  const auto add = [&](unsigned source) {
    bytes += format.frame(1, 0, mac(1) + std::string("\2\0\0", 3) + big_endian(source).substr(1) + "\x08\x06");
  };
  for (unsigned source = 0; source < 65'536; ++source) add(source);
  EXPECT_EQ(read(scratch.write("many", bytes)).requests.size(), 65'536U);
  add(65'536);
  const auto more = scratch.write("more", bytes);
  expect_error(more, {"frame 65537: expected frames from at most 65536 addresses, found one more: 02:00:00:01:00:00",
                      "--guest"});
  EXPECT_EQ(read(more, {}, {}, parse_mac("02:00:00:01:00:00")).requests.size(), 65'537U);
}

TEST(CaptureTrace, TellsProgressUpToTheEnd) {
  const Scratch scratch;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  const auto file = scratch.write("trace", pcap_of_four({}));
  read(file, [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); });
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back().first, told.back().second);
}

TEST(CaptureTrace, EveryCutAndEveryChangedByteIsReadOrRefused) {
  const Scratch scratch;
  const PcapFormat format;
  const std::vector<unsigned> flips = {0x01, 0x02, 0x10, 0x7f, 0x80, 0xff};
  const auto pcap =
      scratch.write("pcap", format.header() + format.frame(1, 0, tcp(1, 2)) + format.frame(2, 0, tcp(2, 1)));
  expect_read_or_refused(pcap, pcap, flips);
  const PcapngFormat ng;
  const auto pcapng =
      scratch.write("pcapng", ng.section() + ng.interface() + ng.frame(1, tcp(1, 2)) + ng.frame(2, tcp(2, 1)));
  expect_read_or_refused(pcapng, pcapng, flips);
}

struct Known {
  const char* file;
  std::size_t frames;
  double span_s;
  std::uint32_t shortest, mean, longest;
  std::ptrdiff_t transmitted;  // by the busiest source
};
void PrintTo(const Known& known, std::ostream* out) { *out << known.file; }

class RealCapture : public testing::TestWithParam<Known> {};

TEST_P(RealCapture, HasWhatIsKnownOfIt) {
  const Known known = GetParam();
  const auto path = real_trace(std::string("pcap/") + known.file);
  if (path.empty()) GTEST_SKIP() << "no trace " << known.file;
  const Trace trace = read(path);
  EXPECT_EQ(trace.format, "capture");
  ASSERT_EQ(trace.requests.size(), known.frames);
  EXPECT_NEAR(static_cast<double>(trace.requests.back().submit_ns) / 1e9, known.span_s, known.span_s / 500);
  std::vector<std::uint32_t> bytes;
  for (const Request& request : trace.requests) bytes.push_back(request.bytes);
  const auto [shortest, longest] = std::minmax_element(bytes.begin(), bytes.end());
  EXPECT_EQ(*shortest, known.shortest);
  EXPECT_EQ(*longest, known.longest);
  const double mean = std::accumulate(bytes.begin(), bytes.end(), 0.0) / static_cast<double>(bytes.size());
  EXPECT_NEAR(mean, known.mean, 0.5);
  const auto transmitted = std::count_if(trace.requests.begin(), trace.requests.end(), [](const Request& request) {
    return request.operation == Operation::kTransmit;
  });
  EXPECT_EQ(transmitted, known.transmitted);
  for (const std::uint16_t queue : trace.queues) EXPECT_LT(queue, 8U);
}

INSTANTIATE_TEST_SUITE_P(Known, RealCapture,
                         testing::Values(Known{"smb2.pcap", 1'178, 0.433, 54, 1'346, 1'514, 1'071},
                                         Known{"kerberos_tso.pcapng", 314, 400.6, 54, 238, 3'332, 153},
                                         Known{"firefox-102.13.0esr-blog-cloudflare-com.pcap", 608, 1.288, 68, 918,
                                               1'399, 474},
                                         Known{"afs.pcap", 601, 129.4, 70, 852, 1'514, 392}));

}  // namespace
}  // namespace vmbsave::trace::test
