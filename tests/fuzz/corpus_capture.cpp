// corpus_capture.cpp: small captures, encoded as the tests of their reader do it, and damaged ones.
#include "fuzz/corpus.hpp"
#include "unit/capture_files.hpp"

namespace vmbsave::fuzz {
namespace {

using trace::test::PcapFormat;
using trace::test::PcapngFormat;
using trace::test::tcp;

// Flows of every kind, both ways.
std::vector<std::string> frames() {
  using namespace trace::test;
  const std::string host1("\x0a\0\0\x01", 4), host2("\x0a\0\0\x02", 4), net1(16, '\xfe'), net2(16, '\xfd');
  const std::string packet = ipv4(host1, host2, 17, ports(7001, 7000));
  return {tcp(1, 2),
          tcp(2, 1, 445, 1000),
          ethernet(1, 2, 0x86DD, ipv6(net1, net2, 6, ports(1, 2))),
          ethernet(1, 2, 0x8100, std::string("\0\5", 2) + std::string("\x08\0", 2) + packet),
          ethernet(2, 1, 0x0800, ipv4(host2, host1, 17, "rest", 0x0002)),
          ethernet(1, 2, 0x0800, ipv4(host1, host2, 6, ports(1, 2), 0, 15)),
          ethernet(3, 1, 0x0806, std::string(46, '\0'))};
}

std::string pcap(const PcapFormat& format) {
  std::string bytes = format.header();
  for (std::uint32_t i = 0; const std::string& frame : frames()) {
    bytes += format.frame(100 + i % 3, i, frame);
    ++i;
  }
  return bytes;
}

std::string pcapng(const PcapngFormat& format, unsigned decimals) {
  std::string bytes = format.section() + format.interface(1, decimals);
  for (std::uint64_t i = 0; const std::string& frame : frames()) bytes += format.frame(1'000'000 + i++ % 3, frame);
  return bytes;
}

}  // namespace

std::vector<Seed> capture_seeds() {
  const PcapFormat format;
  const std::string whole = pcap(format);
  const PcapngFormat ng;
  const std::string start = ng.section() + ng.interface();
  return {{"pcap", bytes_of(whole)},
          {"pcap_big_endian", bytes_of(pcap({.big = true}))},
          {"pcap_nanoseconds", bytes_of(pcap({.nanos = true}))},
          {"pcap_short_copies", bytes_of(pcap({.kept = 30}))},
          {"pcap_shorter_than_a_header", bytes_of(pcap({.kept = 10}))},
          {"pcap_other_link", bytes_of(pcap({.link_type = 101}))},
          {"pcap_empty_frame", bytes_of(format.header() + format.frame(1, 0, "") + format.frame(1, 0, tcp(1, 2)))},
          {"pcap_long_frame", bytes_of(format.header() + format.frame(1, 0, tcp(1, 2), 1u << 31))},
          {"pcap_microsecond", bytes_of(format.header() + format.frame(1, 1'000'000, tcp(1, 2)))},
          {"pcap_no_frames", bytes_of(format.header())},
          {"pcap_cut", bytes_of(whole.substr(0, whole.size() - 7))},
          {"pcapng", bytes_of(pcapng(ng, 6))},
          {"pcapng_big_endian", bytes_of(pcapng({.big = true}, 9))},
          {"pcapng_no_interface", bytes_of(ng.section())},
          {"pcapng_two_links", bytes_of(start + ng.interface(105) + ng.frame(1, tcp(1, 2)))},
          {"pcapng_late", bytes_of(start + ng.frame(UINT64_MAX, tcp(1, 2)))},
          {"pcapng_unknown_block", bytes_of(start + ng.block(0x0BAD, "of a kind not known") + ng.frame(1, tcp(1, 2)))},
          {"empty", {}}};
}

}  // namespace vmbsave::fuzz
