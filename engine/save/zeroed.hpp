// zeroed.hpp: a worker's memory is zeroed ahead of the records that it writes there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/prefetch.hpp"
#include "image/format.hpp"

namespace vmbsave::save {

// How far the memory behind a worker's last record is zeroed. In strides of several records, which cost a call of
// memset and are there when it is made: a loop over the lines of each record ends after another number of rounds each
// time, which the processor guesses wrong. Between two chunks, what lies between left_ and end_ is zero and the
// worker's.
class Zeroed {
 public:
  // Lines from `line` on are written next, until `limit`; `behind_chunk`: what was left() before lies right in front.
  void begin(std::byte* line, std::byte* limit, bool behind_chunk) noexcept {
    if (!behind_chunk || end_ < line) end_ = line;
    limit_ = limit;
  }

  bool covers(const std::byte* record, std::uint64_t bytes) const noexcept {
    return bytes <= static_cast<std::uint64_t>(end_ - record);
  }

  // Up to `record_end`, at least, which is no farther than the limit.
  void extend(const std::byte* record_end) noexcept {
    static_assert(image::kChunkAlignment == base::kCacheLine && sizeof(image::ChunkHeader) == base::kCacheLine);
    VMBSAVE_ASSERT(end_ <= record_end && record_end <= limit_);
    const auto bytes = static_cast<std::size_t>(record_end - end_);
    const std::size_t most = std::max<std::size_t>(base::align_up(bytes, base::kCacheLine), kStride);
    const std::size_t zeroes = std::min(most, static_cast<std::size_t>(limit_ - end_));
    std::memset(end_, 0, zeroes);
    end_ += zeroes;
    const std::size_t fetched = std::min(kStride, static_cast<std::size_t>(limit_ - end_));
    constexpr std::size_t kAtOnce = 4;  // some lines too few are no loss
    for (std::size_t at = 0; at + kAtOnce * base::kCacheLine <= fetched; at += kAtOnce * base::kCacheLine) {
      for (std::size_t line = 0; line < kAtOnce; ++line) base::prefetch_for_write(end_ + at + line * base::kCacheLine);
    }
  }

  // A chunk ends there, and the next one may begin.
  void leave(const std::byte* chunk_end) noexcept { left_ = chunk_end; }
  void forget() noexcept { left_ = nullptr; }
  bool was_left_at(const std::byte* chunk) const noexcept { return chunk == left_; }

 private:
  static constexpr std::size_t kStride = 2048;

  std::byte* end_ = nullptr;
  std::byte* limit_ = nullptr;
  const std::byte* left_ = nullptr;
};

}  // namespace vmbsave::save
