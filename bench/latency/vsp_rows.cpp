#include "latency/vsp_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

// Empty: the row can run.
std::string why_left_out(const RowSpec& row, const VMBS_VSP& vsp) {
  constexpr Point kCentre;
  const Point& point = row.point;
  if (row.kind == Kind::kCopyFloor) {
    return "it copies states from where blob has them; contract_floor is the floor of the others";
  }
  if (point.state_min_bytes != kCentre.state_min_bytes || point.state_max_bytes != kCentre.state_max_bytes ||
      point.stateful_percent != kCentre.stateful_percent || point.mix != Mix::kNone) {
    return fmt::format("{} decides how large states are", vsp.name);
  }
  if (point.callback_ns != 0 || point.slow_callback_ns != 0) {
    return fmt::format("{} decides how long its callbacks take", vsp.name);
  }
  if (!point.concurrent_callbacks && vsp.concurrent_callbacks != 0) {
    return fmt::format("{} allows concurrent callbacks", vsp.name);
  }
  return {};
}

bool has(const std::vector<RowSpec>& rows, const std::string& name) {
  return std::any_of(rows.begin(), rows.end(), [&](const RowSpec& row) { return row_name(row) == name; });
}

void probe(Rig& rig) {
  const auto engine = make_engine(rig, {.checksum = true});
  (void)engine->save();
  if (const std::string why = engine->difference(); !why.empty()) throw std::runtime_error(why);
  rig.machine().complete_all();
}

}  // namespace

Point vsp_point(const VMBS_VSP& vsp) {
  constexpr std::uint32_t kPackets = 256;
  Point point;
  point.vsp = &vsp;
  point.concurrent_callbacks = vsp.concurrent_callbacks != 0;
  Point small = point;
  small.channels = 2;
  small.packets = kPackets;
  try {
    Rig rig(small);
    point.state_min_bytes = UINT32_MAX;
    point.state_max_bytes = 0;
    for (std::uint32_t c = 0; c < small.channels; ++c) {
      const auto [least, most] = std::ranges::minmax(rig.state_bytes(c));
      point.state_min_bytes = std::min(point.state_min_bytes, least);
      point.state_max_bytes = std::max(point.state_max_bytes, most);
    }
    probe(rig);
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}, tried with {} packets: {}", vsp.name, kPackets, error.what()));
  }
  return point;
}

VspRows rows_on(const std::vector<RowSpec>& rows, const Point& of_vsp) {
  VspRows result;
  for (RowSpec row : rows) {
    if (const std::string why = why_left_out(row, *of_vsp.vsp); !why.empty()) {
      result.left_out.push_back({row_name(row), why});
      continue;
    }
    row.point.vsp = of_vsp.vsp;
    row.point.state_min_bytes = of_vsp.state_min_bytes;
    row.point.state_max_bytes = of_vsp.state_max_bytes;
    row.point.concurrent_callbacks = of_vsp.concurrent_callbacks;
    if (!has(result.rows, row_name(row))) result.rows.push_back(row);
  }
  return result;
}

}  // namespace vmbsave::bench
