#include "save/session_impl.hpp"

namespace vmbsave {

const char* phase_name(SavePhase phase) noexcept {
  switch (phase) {
    case SavePhase::kCut:
      return "cut";
    case SavePhase::kTransitWait:
      return "transit_wait";
    case SavePhase::kSize:
      return "size";
    case SavePhase::kPlace:
      return "place";
    case SavePhase::kSave:
      return "save";
    case SavePhase::kPass:
      return "pass";
    case SavePhase::kSeal:
      return "seal";
    case SavePhase::kEnd:
      return "end";
  }
  return "?";
}

const char* plan_name(SavePlan plan) noexcept {
  switch (plan) {
    case SavePlan::kAuto:
      return "auto";
    case SavePlan::kExact:
      return "exact";
    case SavePlan::kFused:
      return "fused";
  }
  return "?";
}

namespace save {

template class BasicSaveSession<base::Atomic>;

}  // namespace save
}  // namespace vmbsave
