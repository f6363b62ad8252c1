#include "scenarios/save_latency/point.hpp"

#include <fmt/format.h>

namespace vmbsave::bench {
namespace {

// Packets of `all` dealt one by one to `places`: how many come to `place`.
constexpr std::uint32_t dealt(std::uint32_t all, std::uint32_t places, std::uint32_t place) {
  return all / places + (place < all % places ? 1 : 0);
}

}  // namespace

const char* mix_name(Mix mix) noexcept {
  switch (mix) {
    case Mix::kNone:
      return "none";
    case Mix::kOpenCas:
      return "open-cas";
    case Mix::kCloudPhysics:
      return "cloudphysics";
  }
  return "";
}

std::string point_name(const Point& point) {
  std::string name = fmt::format("channels:{}/packets:{}/state:{}-{}", point.channels, point.packets,
                                 point.state_min_bytes, point.state_max_bytes);
  if (point.skew_percent != 0) name += fmt::format("/skew:{}", point.skew_percent);
  if (!point.concurrent_callbacks) name += "/serial_callbacks";
  if (point.in_order) name += "/in_order";
  if (point.stateful_percent != 100) name += fmt::format("/stateful:{}", point.stateful_percent);
  if (point.callback_ns != 0) name += fmt::format("/callback_ns:{}", point.callback_ns);
  if (point.slow_callback_ns != 0) name += fmt::format("/slow_1_percent_ns:{}", point.slow_callback_ns);
  if (point.mix != Mix::kNone) name += fmt::format("/mix:{}", mix_name(point.mix));
  if (point.vsp != nullptr) name += fmt::format("/vsp:{}", point.vsp->name);
  return name;
}

const char* vsp_name(const Point& point) noexcept { return point.vsp == nullptr ? "blob" : point.vsp->name; }

std::uint32_t packets_on(const Point& point, std::uint32_t channel) {
  if (point.skew_percent == 0) return dealt(point.packets, point.channels, channel);
  const auto on_first = static_cast<std::uint32_t>(std::uint64_t{point.packets} * point.skew_percent / 100);
  return channel == 0 ? on_first : dealt(point.packets - on_first, point.channels - 1, channel - 1);
}

}  // namespace vmbsave::bench
