// stage.hpp: the packets and the executors that rows share, and what a row runs on them.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "harness/executors.hpp"
#include "latency/latency_run.hpp"
#include "latency/row_spec.hpp"
#include "scenarios/save_latency/rig.hpp"

namespace vmbsave::bench {

// Estimates, on the safe side. A rig keeps the memory of the image that the engine saved last.
std::uint64_t rig_bytes(const Point& point);
std::uint64_t image_bytes(const Point& point);

// Rigs of the last points, up to a number of bytes: rows of several points may take turns.
class RigPool {
 public:
  explicit RigPool(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Valid until the next call. At least this one is kept, whatever its size. small_pages: one of the point that was
  // made for rows with such pages, and is used by no others.
  Rig& at(const Point& point, bool small_pages = false);

  bool has(const Point& point, bool small_pages = false) { return find(point, small_pages) != rigs_.end(); }
  std::size_t size() const noexcept { return rigs_.size(); }

 private:
  struct Kept {
    std::unique_ptr<Rig> rig;
    bool small_pages;
  };
  using Rigs = std::list<Kept>;

  Rigs::iterator find(const Point& point, bool small_pages);
  void make_room(std::uint64_t bytes);

  const std::uint64_t limit_bytes_;
  Rigs rigs_;  // the last used first
};

class Stage {
 public:
  // What it gives must be gone before the next call.
  Contestants contestants(const RowSpec& spec);

 private:
  static constexpr std::uint64_t kRigBytes = std::uint64_t{3} << 30;
  RigPool rigs_{kRigBytes};
  Executors executors_;
};

}  // namespace vmbsave::bench
