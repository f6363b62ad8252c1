#include "trace/flow.hpp"

#include <gtest/gtest.h>

#include <set>

#include "unit/capture_files.hpp"

namespace vmbsave::trace::test {
namespace {

std::uint64_t flow(const std::string& frame) {
  return flow_of({reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size()});
}

const std::string kHost1("\x0a\0\0\x01", 4);
const std::string kHost2("\x0a\0\0\x02", 4);
const std::string kNet1 = std::string(15, '\xfe') + '\x01';
const std::string kNet2 = std::string(15, '\xfe') + '\x02';

TEST(Flow, IsTheSameBothWaysAndOnNoOtherPorts) {
  for (const unsigned protocol : {6u, 17u, 132u}) {
    const auto v4 = [&](unsigned from, unsigned to, bool back) {
      return flow(
          ethernet(1, 2, 0x0800, ipv4(back ? kHost2 : kHost1, back ? kHost1 : kHost2, protocol, ports(from, to))));
    };
    EXPECT_EQ(v4(1000, 445, false), v4(445, 1000, true));
    EXPECT_NE(v4(1000, 445, false), v4(1001, 445, false));
    EXPECT_NE(v4(1000, 445, false), v4(1000, 446, false));
    EXPECT_NE(v4(1000, 445, false), v4(1000, 445, true)) << "the ports are at other ends";
    const auto v6 = [&](unsigned from, unsigned to, bool back) {
      return flow(ethernet(1, 2, 0x86DD, ipv6(back ? kNet2 : kNet1, back ? kNet1 : kNet2, protocol, ports(from, to))));
    };
    EXPECT_EQ(v6(1000, 445, false), v6(445, 1000, true));
    EXPECT_NE(v6(1000, 445, false), v6(1001, 445, false));
  }
}

TEST(Flow, IsOfTheAddressesNotOfTheAdapters) {
  const std::string packet = ipv4(kHost1, kHost2, 6, ports(1, 2));
  EXPECT_EQ(flow(ethernet(1, 2, 0x0800, packet)), flow(ethernet(1, 9, 0x0800, packet))) << "a router between them";
  EXPECT_NE(flow(ethernet(1, 2, 0x0800, packet)), flow(ethernet(1, 2, 0x0800, ipv4(kHost1, kHost2, 17, ports(1, 2)))));
  EXPECT_NE(flow(ethernet(1, 2, 0x0800, packet)), flow(ethernet(1, 2, 0x0800, ipv4(kHost1, kHost1, 6, ports(1, 2)))));
}

TEST(Flow, SeesThroughTagsAndOptions) {
  const std::string packet = ipv4(kHost1, kHost2, 6, ports(1, 2));
  const std::uint64_t plain = flow(ethernet(1, 2, 0x0800, packet));
  const std::string tag = big_endian(std::uint16_t{5});
  const std::string inner = tag + big_endian(std::uint16_t{0x0800}) + packet;
  EXPECT_EQ(flow(ethernet(1, 2, 0x8100, inner)), plain);
  EXPECT_EQ(flow(ethernet(1, 2, 0x88A8, tag + big_endian(std::uint16_t{0x8100}) + inner)), plain);
  EXPECT_EQ(flow(ethernet(1, 2, 0x0800, ipv4(kHost1, kHost2, 6, ports(1, 2), 0, 15))), plain);
}

TEST(Flow, FragmentsOfADatagramAreOne) {
  const auto fragment = [](std::uint16_t bits, const std::string& payload) {
    return flow(ethernet(1, 2, 0x0800, ipv4(kHost1, kHost2, 17, payload, bits)));
  };
  const std::uint64_t first = fragment(0x2000, ports(1, 2));
  EXPECT_EQ(fragment(0x2001, ports(3, 4)), first);
  EXPECT_EQ(fragment(0x0002, "the end"), first);
  EXPECT_NE(fragment(0x0000, ports(1, 2)), first);
}

TEST(Flow, OfOtherFramesIsThatOfTheAdapters) {
  const auto arp = [](unsigned from, unsigned to, const std::string& body) {
    return flow(ethernet(from, to, 0x0806, body));
  };
  EXPECT_EQ(arp(1, 2, "x"), arp(2, 1, "another"));
  EXPECT_NE(arp(1, 2, "x"), arp(1, 3, "x"));
  const std::string icmp = ipv4(kHost1, kHost2, 1, "echo");
  EXPECT_EQ(flow(ethernet(1, 2, 0x0800, icmp)), flow(ethernet(2, 1, 0x0800, ipv4(kHost2, kHost1, 1, "reply"))));
}

// Every length that could have been kept of a frame: what is missing is not looked at.
TEST(Flow, NeedsNoMoreThanAHeader) {
  for (const std::string& frame : {tcp(1, 2), ethernet(1, 2, 0x86DD, ipv6(kNet1, kNet2, 17, ports(1, 2))),
                                   ethernet(1, 2, 0x8100, "tag" + tcp(1, 2)),
                                   ethernet(1, 2, 0x0800, ipv4(kHost1, kHost2, 6, ports(1, 2), 0, 15))}) {
    std::set<std::uint64_t> flows;
    for (std::size_t size = kEthernetHeaderBytes; size <= frame.size(); ++size) {
      flows.insert(flow(std::string(frame, 0, size)));  // a copy: a sanitizer sees its end
    }
    EXPECT_LE(flows.size(), 3U) << "of the adapters, of the addresses, with ports";
    EXPECT_TRUE(flows.contains(flow(frame)));
  }
}

TEST(Flow, SpreadsOverTheQueues) {
  std::vector<unsigned> queues(8);
  for (unsigned port = 0; port < 8'000; ++port) ++queues[flow(tcp(1, 2, port + 1'024)) % 8];
  for (const unsigned frames : queues) EXPECT_NEAR(frames, 1'000, 300);
}

}  // namespace
}  // namespace vmbsave::trace::test
