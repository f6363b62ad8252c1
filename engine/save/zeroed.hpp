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
    if (!behind_chunk || end_ < line) end_ = fetched_ = line;
    limit_ = limit;
  }

  bool covers(const std::byte* record, std::uint64_t bytes) const noexcept {
    return bytes <= static_cast<std::uint64_t>(end_ - record);
  }

  // Up to `record_end`, at least, which is no farther than the limit.
  void extend(const std::byte* record_end) noexcept {
    static_assert(image::kChunkAlignment == base::kCacheLine && sizeof(image::ChunkHeader) == base::kCacheLine);
    VMBSAVE_ASSERT(end_ <= record_end && record_end <= limit_);
    const std::size_t bytes = base::align_up(static_cast<std::size_t>(record_end - end_), base::kCacheLine);
    const std::size_t zeroes = std::min(std::max<std::size_t>(bytes, kStride), static_cast<std::size_t>(limit_ - end_));
    std::memset(end_, 0, zeroes);
    end_ += zeroes;
    if (fetched_ < end_) fetched_ = end_;
  }

  // For each record, some lines of what is zeroed next; at the limit, some too few are no loss. All of a stride at once
  // would keep the processor from fetching packets.
  void prefetch_ahead() noexcept {
    if (fetched_ - end_ > kStride || limit_ - fetched_ < kAtOnce) return;
    for (std::byte* const end = fetched_ + kAtOnce; fetched_ != end; fetched_ += base::kCacheLine) {
      base::prefetch_for_write(fetched_);
    }
  }

  // A chunk ends there, and the next one may begin.
  void leave(const std::byte* chunk_end) noexcept { left_ = chunk_end; }
  void forget() noexcept { left_ = nullptr; }
  bool was_left_at(const std::byte* chunk) const noexcept { return chunk == left_; }

 private:
  static constexpr std::ptrdiff_t kStride = 1024;
  static constexpr std::ptrdiff_t kAtOnce = 4 * std::ptrdiff_t{base::kCacheLine};  // about a record

  std::byte* end_ = nullptr;
  std::byte* fetched_ = nullptr;  // the first line that is not; not before end_
  std::byte* limit_ = nullptr;
  const std::byte* left_ = nullptr;
};

}  // namespace vmbsave::save
