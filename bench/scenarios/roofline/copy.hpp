// copy.hpp: how fast this machine copies memory: what any save that is bound by memory is to be read beside.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mem/mapping.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::bench {

class RooflineCopy {
 public:
  // From `bytes` bytes to as many others, all of whose pages are there. streaming: with stores that go past the caches,
  // where the processor has such. Throws std::bad_alloc.
  RooflineCopy(std::size_t bytes, Executor& executor, bool streaming);

  // One copy, split over the executor's threads; gives nanoseconds.
  std::uint64_t run() noexcept;

  // Whether the last copy came out as it should.
  bool is_right() const noexcept;

 private:
  void copy(std::size_t part) noexcept;

  const std::size_t bytes_;
  Executor& executor_;
  const bool streaming_;
  mem::Mapping from_;
  mem::Mapping to_;
};

}  // namespace vmbsave::bench
