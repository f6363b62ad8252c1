#include "verify/room.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "base/bytes.hpp"
#include "image/format.hpp"
#include "mem/mapping.hpp"

namespace vmbsave::verify {
namespace {

constexpr std::size_t kGuard = mem::kPage;

// No byte of it looks like its neighbours, or like a fill.
std::byte pattern_at(std::size_t offset) noexcept { return static_cast<std::byte>(offset * 167 + 29); }

void write_pattern(std::byte* data, std::size_t first, std::size_t last) noexcept {
  for (std::size_t at = first; at < last; ++at) data[at] = pattern_at(at);
}

}  // namespace

Room::Room(std::size_t bytes)
    : capacity_(bytes), data_bytes_(base::align_up(bytes + 3 * kMargin, kGuard)), data_(nullptr) {
  void* const all = mmap(nullptr, data_bytes_ + 2 * kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(all) + kGuard;
  if (mprotect(data_, data_bytes_, PROT_READ | PROT_WRITE) != 0) {
    munmap(all, data_bytes_ + 2 * kGuard);
    throw std::bad_alloc();
  }
}

Room::~Room() { munmap(data_ - kGuard, data_bytes_ + 2 * kGuard); }

std::span<std::byte> Room::in_the_midst(std::size_t bytes, std::size_t shift) noexcept {
  return place(kMargin + shift, bytes);
}

std::span<std::byte> Room::at_the_end(std::size_t bytes) noexcept {
  return place(data_bytes_ - base::align_up(bytes, image::kRecordAlignment), bytes);
}

// The pattern reaches one margin before and behind, or to the end of the room.
std::span<std::byte> Room::place(std::size_t offset, std::size_t bytes) noexcept {
  buffer_ = {data_ + offset, bytes};
  write_pattern(data_, offset - kMargin, offset);
  write_pattern(data_, offset + bytes, std::min(offset + bytes + kMargin, data_bytes_));
  return buffer_;
}

std::optional<Damage> Room::damage() const noexcept {
  const auto first = static_cast<std::size_t>(buffer_.data() - data_);
  const std::size_t end = first + buffer_.size();
  const auto is_damaged = [this](std::size_t at) { return data_[at] != pattern_at(at); };
  const auto stretch = [&](std::size_t from, std::size_t to) -> std::optional<Damage> {
    std::size_t begin = from;
    while (begin < to && !is_damaged(begin)) ++begin;
    if (begin == to) return std::nullopt;
    std::size_t last = to - 1;
    while (!is_damaged(last)) --last;
    return Damage{static_cast<std::int64_t>(begin) - static_cast<std::int64_t>(first), last - begin + 1};
  };
  const auto before = stretch(first - kMargin, first);
  return before ? before : stretch(end, std::min(end + kMargin, data_bytes_));
}

Room& ready(std::optional<Room>& room, std::size_t bytes) {
  constexpr std::size_t kLeast = 4096;
  if (!room || room->capacity() < bytes) room.emplace(std::max(bytes, kLeast));
  return *room;
}

void Room::note(std::span<const std::byte> buffer, JournalBuffer& journal) const noexcept {
  const auto address = [](const std::byte* at) { return reinterpret_cast<std::uintptr_t>(at); };
  journal.first = address(buffer.data());
  journal.bytes = buffer.size();
  journal.room_first = address(data_ - kGuard);
  journal.room_end = address(data_ + data_bytes_ + kGuard);
}

}  // namespace vmbsave::verify
