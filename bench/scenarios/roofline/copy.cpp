#include "scenarios/roofline/copy.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "scenarios/roofline/streaming_copy.hpp"

namespace vmbsave::bench {

RooflineCopy::RooflineCopy(std::size_t bytes, Executor& executor, bool streaming)
    : bytes_(bytes),
      executor_(executor),
      streaming_(streaming),
      from_(mem::Mapping::reserve(bytes)),
      to_(mem::Mapping::reserve(bytes)) {
  if (!from_ || !to_ || !from_.prefault(0, bytes) || !to_.prefault(0, bytes)) throw std::bad_alloc();
  for (std::size_t i = 0; i < bytes; ++i) from_.data()[i] = static_cast<std::byte>(i * 131 >> 7);
}

std::uint64_t RooflineCopy::run() noexcept {
  const std::uint64_t start = base::now_ns();
  executor_.wake();
  executor_.run(
      [](void* self) noexcept {
        auto& copy = *static_cast<RooflineCopy*>(self);
        copy.executor_.for_each(
            copy.executor_.concurrency(), 1,
            [](void* of, std::size_t first, std::size_t last) noexcept {
              for (; first != last; ++first) static_cast<RooflineCopy*>(of)->copy(first);
            },
            self);
      },
      this);
  return base::now_ns() - start;
}

// A part a thread, in whole cache lines.
void RooflineCopy::copy(std::size_t part) noexcept {
  const std::size_t share = base::align_up(bytes_ / executor_.concurrency(), base::kCacheLine);
  const std::size_t first = part * share;
  if (first >= bytes_) return;
  const std::size_t count = std::min(share, bytes_ - first);
  if (streaming_) {
    streaming_copy(to_.data() + first, from_.data() + first, count);
  } else {
    std::memcpy(to_.data() + first, from_.data() + first, count);
  }
}

bool RooflineCopy::is_right() const noexcept { return std::memcmp(from_.data(), to_.data(), bytes_) == 0; }

}  // namespace vmbsave::bench
