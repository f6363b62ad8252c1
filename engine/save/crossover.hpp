// crossover.hpp: from how many packets on more threads than one pay. With P threads that arrive L after the start, work
// of W takes about (W + (P-1) L) / P instead of W: it pays when W > L. Both are learnt from the saves themselves.
#pragma once

#include <algorithm>
#include <cstdint>

namespace vmbsave::save {

class Crossover {
 public:
  bool pays(std::uint64_t packets) const noexcept { return packets * packet_ps_ > arrival_ns_ * 1000; }

  // Work on so many packets took `ns` on `threads` threads, of which the second came `arrival_ns` after the start
  // (threads > 1); with one thread arrival_ns has no meaning.
  void learn(std::uint64_t packets, std::uint64_t ns, unsigned threads, std::uint64_t arrival_ns) noexcept {
    if (packets < kFewest) return;
    if (threads > 1) {
      arrival_ns = std::min(arrival_ns, ns);
      arrival_ns_ = mean(arrival_ns_, std::clamp(arrival_ns, kShortestArrivalNs, kLongestArrivalNs));
      ns = arrival_ns + threads * (ns - arrival_ns);
    }
    packet_ps_ = mean(packet_ps_, std::clamp<std::uint64_t>(ns * 1000 / packets, kCheapestPs, kDearestPs));
  }

 private:
  // A hiccup of the machine must not decide the next saves.
  static constexpr std::uint64_t mean(std::uint64_t old, std::uint64_t now) noexcept { return (3 * old + now) / 4; }

  static constexpr std::uint64_t kFewest = 64;  // fewer say more about the clock
  // A thread that is there at once still costs: it is waited for at the end, and brings lines from its own cache.
  static constexpr std::uint64_t kShortestArrivalNs = 12'000;
  static constexpr std::uint64_t kLongestArrivalNs = 200'000;
  static constexpr std::uint64_t kCheapestPs = 1'000;
  static constexpr std::uint64_t kDearestPs = 100'000'000;

  // Before the first save: a sleeping thread's arrival is 30 to 150 us, a small packet's two calls 10 to 50 ns.
  std::uint64_t arrival_ns_ = 100'000;
  std::uint64_t packet_ps_ = 15'000;
};

}  // namespace vmbsave::save
