/// @file restore.hpp
/// What a restore of a whole image is given and what it reports.
#pragma once

#include <cstdint>

#include "vmbsave/status.hpp"

namespace vmbsave {

class Executor;

/// How an image is restored.
struct RestoreOptions {
  Executor* executor = nullptr;                      ///< nullptr: the calling thread alone; else channels in parallel
  std::uint64_t max_bytes = std::uint64_t{1} << 36;  ///< size cap of the image, checked before anything else
};

/// What became of a restore.
struct RestoreReport {
  Status status = Status::kSuccess;  ///< of the whole
  std::uint32_t channel = 0;         ///< number of the channel that failed
  std::uint64_t offset = 0;          ///< in the image, of the chunk (or of the stream) that failed
  std::uint64_t packets = 0;         ///< restored
  std::uint64_t restore_ns = 0;      ///< how long it took
};

}  // namespace vmbsave
