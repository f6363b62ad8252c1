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
    case SavePhase::kSeal:
      return "seal";
    case SavePhase::kEnd:
      return "end";
  }
  return "?";
}

namespace save {

template class BasicSaveSession<base::Atomic>;

}  // namespace save
}  // namespace vmbsave
