// calls_room.hpp: memory of one who calls SaveContinue, with guard bytes around it.
#pragma once

#include <algorithm>
#include <vector>

#include "fuzz/target.hpp"
#include "vmbsave/kmcl.h"

namespace vmbsave::fuzz {

class CallsRoom {
 public:
  // So many bytes behind a multiple of 64; at 0 a channel may be saved right into it.
  CallsRoom(std::size_t size, std::size_t shift) : memory_(kGuard + 64 + shift + size + kGuard, kFill), size_(size) {
    const auto at = reinterpret_cast<std::uintptr_t>(memory_.data()) + kGuard;
    first_ = kGuard + (64 - at % 64) % 64 + shift;
  }

  UINT8* data() { return size_ == 0 ? nullptr : memory_.data() + first_; }
  ULONG size() const { return static_cast<ULONG>(size_); }

  void require_guards() const {
    const auto is_fill = [](UINT8 byte) { return byte == kFill; };
    const auto first = memory_.begin() + static_cast<std::ptrdiff_t>(first_);
    require(std::all_of(memory_.begin(), first, is_fill), "nothing is written before the buffer");
    require(std::all_of(first + static_cast<std::ptrdiff_t>(size_), memory_.end(), is_fill), "nor behind it");
  }

 private:
  static constexpr std::size_t kGuard = 64;
  static constexpr UINT8 kFill = 0xCC;

  std::vector<UINT8> memory_;
  std::size_t size_;
  std::size_t first_;
};

}  // namespace vmbsave::fuzz
