// live_disk.hpp: the disk of the scenario "live": a file without a name, so that nothing is left of it whatever
// happens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "scenarios/live/live_result.hpp"
#include "scenarios/live/stamps.hpp"

namespace vmbsave::bench {

struct LiveDiskOptions {
  std::filesystem::path folder;
  std::uint64_t bytes = 0;     // a multiple of kLiveBlockBytes
  std::uint64_t at_least = 0;  // with less room there is no disk; below `bytes`: what room there is will do
};

class LiveDisk {
 public:
  // Takes the room. Throws std::runtime_error in one line: the folder cannot be written, or has too little room.
  explicit LiveDisk(const LiveDiskOptions& options);
  ~LiveDisk();
  LiveDisk(const LiveDisk&) = delete;

  int descriptor() const noexcept { return fd_; }
  const LiveDiskFacts& facts() const noexcept { return facts_; }

  // Writes generation 1 to every block, down to the device. Throws std::runtime_error.
  void fill();
  // Reads the whole disk and gives how many blocks it has. Throws CheckFailed for one that does not hold the write that
  // `generations` says.
  std::uint64_t check(std::span<const Generation> generations);

 private:
  void set_direct(bool direct) noexcept;
  template <class Move>
  void for_each_stretch(Move&& move);

  int fd_ = -1;
  LiveDiskFacts facts_;
};

}  // namespace vmbsave::bench
