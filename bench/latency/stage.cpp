#include "latency/stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "report/machine.hpp"
#include "scenarios/save_latency/peers.hpp"

namespace vmbsave::bench {
namespace {

std::unique_ptr<Implementation> make(Rig& rig, const RowSpec& spec, Executor& executor) {
  const RunOptions options{.executor = &executor, .plan = spec.plan, .checksum = spec.checksum};
  switch (spec.kind) {
    case Kind::kDocumentedSequential:
      return make_documented_sequential(rig, options);
    case Kind::kCopyFloor:
      return make_copy_floor(rig, options);
    case Kind::kContractFloor:
      return make_contract_floor(rig, options);
    case Kind::kEngine:
      return make_engine(rig, options);
    case Kind::kCFace:
      return make_c_face(rig, options);
    case Kind::kMutexList:
      return make_mutex_list(rig, options);
    case Kind::kOpenvmmShape:
      return make_openvmm_shape(rig, options);
    case Kind::kQemuShape:
      return make_qemu_shape(rig, options);
    case Kind::kPmrMonotonic:
      return make_pmr_monotonic(rig, options);
    case Kind::kMallocPerPacket:
      return make_malloc_per_packet(rig, options);
    case Kind::kMimallocPerPacket:
      return make_mimalloc_per_packet(rig, options);
    case Kind::kTbbScalable:
      return make_tbb_scalable(rig, options);
    case Kind::kFlatbuffers:
      return make_flatbuffers(rig, options);
  }
  throw std::logic_error("no such implementation");
}

// A machine that starts to swap, or to kill, measures nothing.
void expect_memory(std::uint64_t bytes) {
  const std::optional<std::uint64_t> available = report::available_memory();
  if (!available || *available >= bytes) return;
  throw std::runtime_error(
      fmt::format("needs about {} MiB of memory more, {} MiB are available", bytes >> 20, *available >> 20));
}

}  // namespace

std::uint64_t rig_bytes(const Point& point) {
  constexpr std::uint64_t kBesideTheState = 1024;  // packet object, request, its place in the rings
  constexpr std::uint64_t kChannel = 64u << 10;
  return point.packets * (point.state_max_bytes + kBesideTheState) + point.channels * kChannel + image_bytes(point);
}

std::uint64_t image_bytes(const Point& point) {
  constexpr std::uint64_t kBesideTheState = 64;  // record header, LibBuf, share of block and directory
  return point.packets * (point.state_max_bytes + kBesideTheState);
}

void RigPool::make_room(std::uint64_t bytes) {
  const auto used = [&] {
    std::uint64_t sum = bytes;
    for (const Kept& kept : rigs_) sum += rig_bytes(kept.rig->point());
    return sum;
  };
  while (!rigs_.empty() && used() > limit_bytes_) rigs_.pop_back();
}

RigPool::Rigs::iterator RigPool::find(const Point& point, bool small_pages) {
  return std::find_if(rigs_.begin(), rigs_.end(),
                      [&](const Kept& kept) { return kept.rig->point() == point && kept.small_pages == small_pages; });
}

Rig& RigPool::at(const Point& point, bool small_pages) {
  const auto found = find(point, small_pages);
  if (found != rigs_.end()) {
    rigs_.splice(rigs_.begin(), rigs_, found);
  } else {
    make_room(rig_bytes(point));
    expect_memory(rig_bytes(point));
    rigs_.push_front({std::make_unique<Rig>(point), small_pages});
  }
  return *rigs_.front().rig;
}

Contestants Stage::contestants(const RowSpec& spec) {
  Executor& executor = executors_.with_threads(spec.threads);
  // Those of the two neighbours; the engine's is the rig's, once there was a save.
  const unsigned images = rigs_.has(spec.point, spec.small_pages) ? 2 : 3;
  Contestants contestants;
  if (spec.small_pages) contestants.pages = std::make_unique<SmallPages>();
  Rig& rig = rigs_.at(spec.point, spec.small_pages);
  expect_memory(images * image_bytes(spec.point));
  RowSpec reference = spec;
  contestants.subject = make(rig, spec, executor);
  reference.kind = floor_of(spec);
  contestants.floor = make(rig, reference, executor);
  reference.kind = Kind::kDocumentedSequential;
  contestants.sequential = make(rig, reference, executor);
  if (is_peer(spec.kind)) {
    reference.kind = Kind::kEngine;
    reference.plan = SavePlan::kFused;
    contestants.engine = make(rig, reference, executor);
  }
  contestants.packet_memory = rig.packet_memory();
  return contestants;
}

}  // namespace vmbsave::bench
