#include "latency/row_spec.hpp"

#include <fmt/format.h>

namespace vmbsave::bench {

const char* kind_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::kDocumentedSequential:
      return "documented_sequential";
    case Kind::kCopyFloor:
      return "copy_floor";
    case Kind::kContractFloor:
      return "contract_floor";
    case Kind::kEngine:
      return "engine";
    case Kind::kCFace:
      return "c_face";
    case Kind::kMutexList:
      return "mutex_list";
    case Kind::kOpenvmmShape:
      return "openvmm_shape";
    case Kind::kQemuShape:
      return "qemu_shape";
    case Kind::kPmrMonotonic:
      return "pmr_monotonic";
    case Kind::kMallocPerPacket:
      return "malloc_per_packet";
    case Kind::kMimallocPerPacket:
      return "mimalloc_per_packet";
    case Kind::kTbbScalable:
      return "tbb_scalable";
    case Kind::kFlatbuffers:
      return "flatbuffers";
  }
  return "";
}

Kind floor_of(const RowSpec& spec) noexcept {
  return spec.point.vsp == nullptr ? Kind::kCopyFloor : Kind::kContractFloor;
}

std::string row_name(const RowSpec& spec) {
  const std::string plan = spec.plan == SavePlan::kAuto ? "" : fmt::format("/{}", plan_name(spec.plan));
  return fmt::format("save/{}{}/{}/threads:{}{}{}{}{}", kind_name(spec.kind), plan, point_name(spec.point),
                     spec.threads, spec.checksum ? "/checksum" : "", spec.cold ? "/cold" : "",
                     spec.first_touch ? "/first_touch" : "", spec.small_pages ? "/pages:4k" : "");
}

}  // namespace vmbsave::bench
