// row_spec.hpp: one row of a suite: what is saved, by what, and how often.
#pragma once

#include <cstdint>
#include <string>

#include "scenarios/save_latency/point.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave::bench {

enum class Kind : std::uint8_t {
  kDocumentedSequential,
  kCopyFloor,
  kContractFloor,
  kEngine,
  kCFace,
  // What people would use instead.
  kMutexList,
  kOpenvmmShape,
  kQemuShape,
  kPmrMonotonic,
  kMallocPerPacket,
  kMimallocPerPacket,
  kTbbScalable,
  kFlatbuffers,
};

const char* kind_name(Kind kind) noexcept;
constexpr bool is_peer(Kind kind) noexcept { return kind >= Kind::kMutexList; }

struct RowSpec;
// What the row's ratios to a floor are to: a copy of the same bytes or, where nobody but the VSP knows where they lie,
// the VSP's own copies.
Kind floor_of(const RowSpec& spec) noexcept;

struct RowSpec {
  Kind kind = Kind::kEngine;
  SavePlan plan = SavePlan::kAuto;  // kAuto: the row does not choose one, and its name says none
  Point point = {};
  unsigned threads = 1;
  bool checksum = false;
  bool cold = false;
  bool first_touch = false;  // before each save its memory is given back, and the save faults it in anew
  bool small_pages = false;  // packets and images lie in pages of 4 KiB, whatever the system would give
  unsigned saves = 1000;     // timed ones, unless --benchmark_min_time decides
};

// "save/engine/fused/channels:16/packets:65536/state:32-272/threads:2/checksum/cold", or "/first_touch", "/pages:4k".
std::string row_name(const RowSpec& spec);

}  // namespace vmbsave::bench
