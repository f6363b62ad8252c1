#include "scenarios/host/host_spec.hpp"

#include <fmt/format.h>

namespace vmbsave::bench {

const char* order_name(HostOrder order) noexcept { return order == HostOrder::kAtOnce ? "at_once" : "in_turn"; }

std::string host_name(const HostSpec& spec) {
  const std::string vsp = spec.vsp == kOwnVsps ? "" : "/vsp:" + spec.vsp;
  return fmt::format("host/vms:{}/{}/threads:{}{}", spec.vms, order_name(spec.order), spec.threads, vsp);
}

}  // namespace vmbsave::bench
