// workload.hpp: the guest's requests of a round: a stretch of a recorded trace, folded onto the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vmbsave::migration {

inline constexpr std::uint64_t kDiskBytes = 64 << 20;

struct GuestRequest {
  std::uint64_t block;  // first, of 512 bytes; beyond the disk: a request that must fail
  std::uint32_t blocks;
  std::uint32_t first_byte;  // of the data in its first page
  std::uint32_t channel;
  bool write;
  bool fails;
};

class Traces {
 public:
  // Reads a trace of $VMBSAVE_TRACES; without it, makes one from a built-in profile.
  Traces();

  // Requests number `first` on, on the first `span` bytes of the disk; round and round.
  std::vector<GuestRequest> stretch(std::uint64_t first, std::uint32_t count, std::uint64_t span) const;

  const std::string& name() const noexcept { return name_; }
  bool recorded() const noexcept { return recorded_; }

 private:
  struct Recorded {
    std::uint64_t lba;
    std::uint32_t bytes;
    std::uint32_t first_byte;
    bool write;
  };
  std::string name_;
  bool recorded_ = false;
  std::vector<Recorded> requests_;
};

}  // namespace vmbsave::migration
