// The scenario of save latency: its points and rigs.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "kmcl/vm.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "vsp/blob/blob.h"

namespace vmbsave::bench {
namespace {

// ---- points ------------------------------------------------------------------------------------------------------

TEST(Point, NamesSayWhatDiffers) {
  EXPECT_EQ(point_name({}), "channels:16/packets:65536/state:32-272");
  EXPECT_EQ(point_name({.channels = 1, .packets = 22, .state_min_bytes = 8, .state_max_bytes = 8}),
            "channels:1/packets:22/state:8-8");
  EXPECT_EQ(point_name({.skew_percent = 90}), "channels:16/packets:65536/state:32-272/skew:90");
  EXPECT_EQ(point_name({.skew_percent = 90, .concurrent_callbacks = false}),
            "channels:16/packets:65536/state:32-272/skew:90/serial_callbacks");
  EXPECT_EQ(point_name({.concurrent_callbacks = false}), "channels:16/packets:65536/state:32-272/serial_callbacks");
  EXPECT_EQ(point_name({.in_order = true}), "channels:16/packets:65536/state:32-272/in_order");
  EXPECT_EQ(point_name({.skew_percent = 90, .concurrent_callbacks = false, .in_order = true}),
            "channels:16/packets:65536/state:32-272/skew:90/serial_callbacks/in_order");
  EXPECT_EQ(point_name({.state_min_bytes = 0, .state_max_bytes = 0}), "channels:16/packets:65536/state:0-0");
  EXPECT_EQ(point_name({.stateful_percent = 50}), "channels:16/packets:65536/state:32-272/stateful:50");
  EXPECT_EQ(point_name({.stateful_percent = 0}), "channels:16/packets:65536/state:32-272/stateful:0");
  EXPECT_EQ(point_name({.callback_ns = 500}), "channels:16/packets:65536/state:32-272/callback_ns:500");
  EXPECT_EQ(point_name({.slow_callback_ns = 20'000}), "channels:16/packets:65536/state:32-272/slow_1_percent_ns:20000");
  EXPECT_EQ(point_name(mixed_point({}, Mix::kOpenCas)), "channels:16/packets:65536/state:92-340/mix:open-cas");
  EXPECT_EQ(point_name(mixed_point({}, Mix::kCloudPhysics)), "channels:16/packets:65536/state:92-220/mix:cloudphysics");
}

std::uint64_t packets_on_all(const Point& point) {
  std::uint64_t sum = 0;
  for (std::uint32_t c = 0; c < point.channels; ++c) sum += packets_on(point, c);
  return sum;
}

TEST(Point, EveryPacketIsOnOneChannel) {
  for (const std::uint32_t channels : {1u, 2u, 3u, 16u, 2047u}) {
    for (const std::uint32_t packets : {1u, 2u, 22u, 500u, 65'536u, 1u << 20}) {
      for (const std::uint32_t skew : {0u, 1u, 50u, 90u, 100u}) {
        if (skew != 0 && channels == 1) continue;
        const Point point{.channels = channels, .packets = packets, .skew_percent = skew};
        EXPECT_EQ(packets_on_all(point), packets) << point_name(point);
      }
    }
  }
  EXPECT_EQ(packets_on({.channels = 3, .packets = 500}, 1), 167u);
  EXPECT_EQ(packets_on({.channels = 3, .packets = 500}, 2), 166u);
  EXPECT_EQ(packets_on({.channels = 3, .packets = 501, .skew_percent = 90}, 0), 450u);
  EXPECT_EQ(packets_on({.channels = 3, .packets = 501, .skew_percent = 90}, 1), 26u);
  EXPECT_EQ(packets_on({.channels = 3, .packets = 501, .skew_percent = 90}, 2), 25u);
}

// ---- rigs --------------------------------------------------------------------------------------------------------

TEST(Rig, HoldsThePacketsOfItsPoint) {
  for (const Point& point : {Point{.channels = 3, .packets = 500}, Point{.channels = 3, .packets = 1},
                             Point{.channels = 3, .packets = 1000, .skew_percent = 90},
                             Point{.channels = 3, .packets = 500, .in_order = true}}) {
    Rig rig(point);
    EXPECT_EQ(rig.machine().in_use(), point.packets);
    const std::uint64_t completed = rig.machine().delivered();
    EXPECT_TRUE(point.in_order ? completed == 0 : completed >= 3 * point.packets) << completed;
    std::vector<bool> seen(completed + point.packets);
    for (std::uint32_t c = 0; c < point.channels; ++c) {
      ASSERT_EQ(rig.packets(c).size(), packets_on(point, c));
      ASSERT_EQ(rig.requests(c).size(), packets_on(point, c));
      for (std::size_t i = 0; i < rig.packets(c).size(); ++i) {
        const VMBS_VSP_REQUEST& request = rig.requests(c)[i];
        EXPECT_EQ(VmbPacketGetChannel(rig.packets(c)[i]), rig.machine().channels()[c]);
        EXPECT_EQ(VmbsPacketGetTransactionId(rig.packets(c)[i]), request.record + 1);
        EXPECT_TRUE(i == 0 || request.record > rig.requests(c)[i - 1].record) << "ascending";
        EXPECT_FALSE(seen.at(request.record)) << "each once";
        seen[request.record] = true;
      }
    }
    rig.machine().complete_all();
    EXPECT_EQ(rig.machine().delivered(), completed + point.packets);
  }
}

// Of packets next to each other in order of arrival, how many in a hundred also lie so in memory.
unsigned percent_ascending(std::span<const VMBPACKET> packets) {
  unsigned ascending = 0;
  for (std::size_t i = 1; i < packets.size(); ++i) {
    ascending += packet::from_handle(packets[i]) > packet::from_handle(packets[i - 1]);
  }
  return static_cast<unsigned>(100 * ascending / (packets.size() - 1));
}

TEST(Rig, PacketsLieInMemoryInNoOrder) {
  for (const Point& point : {Point{.channels = 3, .packets = 5000}, Point{.channels = 3, .packets = 500},
                             Point{.channels = 3, .packets = 5000, .skew_percent = 90},
                             Point{.channels = 3, .packets = 5000, .concurrent_callbacks = false}}) {
    const Rig rig(point);
    for (std::uint32_t c = 0; c < point.channels; ++c) {
      EXPECT_LT(percent_ascending(rig.packets(c)), 60u) << point_name(point) << " channel " << c;
    }
  }
}

TEST(Rig, PacketsLieInOrderOfArrivalWhereThePointSaysSo) {
  const Rig rig({.channels = 3, .packets = 5000, .in_order = true});
  for (std::uint32_t c = 0; c < 3; ++c) {
    EXPECT_EQ(percent_ascending(rig.packets(c)), 100u);
    EXPECT_LT(rig.requests(c).back().record, 5000u) << "none was replaced";
  }
}

// Where in its memory a channel's packets lie, in order of arrival.
std::vector<std::uint32_t> slots_of(const Rig& rig, std::uint32_t channel) {
  std::vector<std::uint32_t> slots;
  for (const VMBPACKET packet : rig.packets(channel)) slots.push_back(packet::from_handle(packet)->slot);
  return slots;
}

TEST(Rig, EveryRigOfAPointIsTheSame) {
  for (const bool in_order : {false, true}) {
    const Point point{.channels = 3, .packets = 5000, .in_order = in_order};
    const Rig rig(point), again(point);
    for (std::uint32_t c = 0; c < point.channels; ++c) {
      EXPECT_EQ(slots_of(rig, c), slots_of(again, c));
      for (std::size_t i = 0; i < rig.requests(c).size(); ++i) {
        ASSERT_EQ(rig.requests(c)[i].record, again.requests(c)[i].record);
        ASSERT_EQ(rig.requests(c)[i].bytes, again.requests(c)[i].bytes);
      }
    }
  }
}

TEST(Rig, ChannelsAreAsThePointSays) {
  for (const bool concurrent : {true, false}) {
    Rig rig({.channels = 2, .packets = 1000, .skew_percent = 90, .concurrent_callbacks = concurrent});
    const auto& channels = rig.machine().vm(0).channels().channels();
    ASSERT_EQ(channels.size(), 2u);
    for (const packet::Channel* channel : channels) EXPECT_EQ(channel->config().concurrent_callbacks, concurrent);
    EXPECT_EQ(channels[0]->config().capacity, 900u);
    EXPECT_EQ(channels[1]->config().capacity, 256u);
    EXPECT_EQ(channels[0]->config().sends, 0u);
  }
}

TEST(Rig, SizesAreUniformAndFollowFromTheRecord) {
  for (const bool in_order : {false, true}) {
    const Rig rig({.channels = 1, .packets = 10'000, .in_order = in_order});
    std::vector<unsigned> count(31);
    for (const VMBS_VSP_REQUEST& request : rig.requests(0)) {
      ASSERT_TRUE(request.bytes >= 32 && request.bytes <= 272 && request.bytes % 8 == 0) << request.bytes;
      ++count[(request.bytes - 32) / 8];
    }
    for (const unsigned n : count) EXPECT_NEAR(n, 10'000 / 31.0, 100.0);
  }
  const Rig rig({.channels = 1, .packets = 10'000, .in_order = true});
  const Rig dealt({.channels = 2, .packets = 10'000, .in_order = true});
  EXPECT_EQ(dealt.requests(1)[7].bytes, rig.requests(0)[15].bytes) << "of the record, not of the channel";
}

unsigned percent(const Rig& rig, bool (*holds)(const VMBS_VSP_REQUEST&)) {
  const auto requests = rig.requests(0);
  return static_cast<unsigned>(100 * std::count_if(requests.begin(), requests.end(), holds) /
                               static_cast<std::ptrdiff_t>(requests.size()));
}

TEST(Rig, AsManyPacketsHaveStateAsThePointSays) {
  const auto has_state = [](const VMBS_VSP_REQUEST& r) { return r.bytes != 0; };
  for (const std::uint32_t stateful : {0u, 1u, 50u, 99u, 100u}) {
    const Rig rig({.channels = 1, .packets = 10'000, .stateful_percent = stateful});
    EXPECT_NEAR(percent(rig, has_state), stateful, stateful % 100 == 0 ? 0 : 2);
  }
  EXPECT_EQ(percent(Rig({.channels = 1, .packets = 1000, .state_min_bytes = 0, .state_max_bytes = 0}), has_state), 0u);
}

// A channel's first half of packets, or each second one, is as good as any.
TEST(Rig, ThePacketsWithStateAreSpread) {
  const Rig all({.channels = 1, .packets = 10'000, .in_order = true});
  const Rig half({.channels = 1, .packets = 10'000, .in_order = true, .stateful_percent = 50});
  unsigned changes = 0;
  std::vector<unsigned> count(31);
  for (std::size_t i = 0; i < 10'000; ++i) {
    const std::uint32_t bytes = half.requests(0)[i].bytes;
    EXPECT_TRUE(bytes == 0 || bytes == all.requests(0)[i].bytes) << "the others keep their size";
    if (bytes != 0) ++count[(bytes - 32) / 8];
    if (i != 0) changes += (bytes == 0) != (half.requests(0)[i - 1].bytes == 0);
  }
  EXPECT_NEAR(changes, 5000, 300);
  for (const unsigned n : count) EXPECT_NEAR(n, 5000 / 31.0, 70.0) << "whatever their size";
}

TEST(Rig, CallbacksTakeAsLongAsThePointSays) {
  const Rig rig({.channels = 1, .packets = 20'000, .callback_ns = 50, .slow_callback_ns = 2000});
  EXPECT_TRUE(std::ranges::all_of(
      rig.requests(0), [](const VMBS_VSP_REQUEST& r) { return r.callback_ns == 50 || r.callback_ns == 2050; }));
  const auto slow = std::ranges::count_if(rig.requests(0), [](const auto& r) { return r.callback_ns == 2050; });
  EXPECT_NEAR(static_cast<double>(slow), 200, 60);
  const Rig plain({.channels = 1, .packets = 1000});
  for (const VMBS_VSP_REQUEST& request : plain.requests(0)) EXPECT_EQ(request.callback_ns, 0u);
}

// By hand from the profiles: 84 + 8 bytes a page.
TEST(Rig, AMixHasTheStatesThatStorvspSaves) {
  const auto whole = [](const VMBS_VSP_REQUEST& r) { return r.bytes == 84 + 8 * 32; };
  const Rig open_cas(mixed_point({.channels = 1, .packets = 10'000}, Mix::kOpenCas));
  EXPECT_NEAR(percent(open_cas, whole), 99, 1) << "128 KiB";
  const Rig cloudphysics(mixed_point({.channels = 1, .packets = 10'000}, Mix::kCloudPhysics));
  EXPECT_EQ(percent(cloudphysics, whole), 0u);
  EXPECT_NEAR(percent(cloudphysics, [](const VMBS_VSP_REQUEST& r) { return r.bytes == 84 + 8 * 16; }), 35, 2)
      << "64 KiB";
  EXPECT_NEAR(percent(cloudphysics, [](const VMBS_VSP_REQUEST& r) { return r.bytes == 84 + 8 * 2; }), 18, 2)
      << "8 KiB, and what is more than 4";
  EXPECT_EQ(mixed_point({}, Mix::kCloudPhysics).state_max_bytes, 84u + 8 * 17);
}

TEST(Rig, AsManyChannelsAsAVmHas) {
  Rig rig({.channels = 2047, .packets = 4096});
  EXPECT_EQ(rig.machine().in_use(), 4096u);
  const auto engine = make_engine(rig, {});
  engine->save();
  EXPECT_EQ(engine->difference(), "");
}

TEST(Rig, APointThatCannotBeIsOneClearLine) {
  for (const Point& point :
       {Point{.channels = 0}, Point{.channels = 2048}, Point{.packets = 0}, Point{.packets = (1u << 20) + 1},
        Point{.state_min_bytes = 0}, Point{.state_min_bytes = 33}, Point{.state_max_bytes = 273},
        Point{.state_min_bytes = 280}, Point{.state_max_bytes = 16'392}, Point{.skew_percent = 101},
        Point{.channels = 1, .skew_percent = 90}, Point{.state_max_bytes = 0}, Point{.stateful_percent = 101},
        Point{.callback_ns = 1'000'001}, Point{.callback_ns = 1, .slow_callback_ns = 1'000'000},
        Point{.mix = Mix::kOpenCas}}) {
    try {
      const Rig rig(point);
      ADD_FAILURE() << point_name(point);
    } catch (const std::runtime_error& error) {
      const std::string what = error.what();
      EXPECT_TRUE(what.starts_with(point_name(point) + " cannot be: ")) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos);
    }
  }
}

void expect_packet_memory(const Rig& rig) {
  constexpr std::size_t kStride = 64 + 320;  // the packet, and 16 + 272 bytes of context in whole cache lines
  const auto memory = rig.packet_memory();
  std::size_t bytes = 0;
  for (const auto run : memory) bytes += run.size();
  EXPECT_EQ(bytes, rig.point().packets * kStride);
  for (std::uint32_t c = 0; c < rig.point().channels; ++c) {
    for (const VMBPACKET packet : rig.packets(c)) {
      const auto* const first = reinterpret_cast<const std::byte*>(packet::from_handle(packet));
      const auto holds = [&](std::span<const std::byte> run) {
        return first >= run.data() && first + kStride <= run.data() + run.size();
      };
      EXPECT_EQ(std::count_if(memory.begin(), memory.end(), holds), 1);
    }
  }
}

TEST(Rig, PacketMemoryIsEveryPacketAndItsContextOnce) {
  expect_packet_memory(Rig({.channels = 3, .packets = 500}));
  const Rig in_order({.channels = 3, .packets = 500, .in_order = true});
  expect_packet_memory(in_order);
  EXPECT_EQ(in_order.packet_memory().size(), 3u) << "side by side: one run a channel";
}

}  // namespace
}  // namespace vmbsave::bench
