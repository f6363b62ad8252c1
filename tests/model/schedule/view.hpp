// view.hpp: what a thread has seen: of each atomic the oldest message that it may still read, of each thread how far it
// has come.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace vmbsave::model {

inline constexpr std::size_t kMaxThreads = 8;
inline constexpr std::size_t kMaxAtoms = 88;

class View {
 public:
  std::uint16_t& atom(std::size_t id) noexcept { return seen_[id]; }
  std::uint16_t atom(std::size_t id) const noexcept { return seen_[id]; }
  std::uint16_t& thread(std::size_t id) noexcept { return seen_[kMaxAtoms + id]; }
  std::uint16_t thread(std::size_t id) const noexcept { return seen_[kMaxAtoms + id]; }

  void join(const View& other) noexcept {
    for (std::size_t i = 0; i < seen_.size(); ++i) seen_[i] = std::max(seen_[i], other.seen_[i]);
  }

 private:
  std::array<std::uint16_t, kMaxAtoms + kMaxThreads> seen_{};
};

}  // namespace vmbsave::model
