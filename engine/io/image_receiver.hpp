// image_receiver.hpp: restores an image as it comes from a source, as many channels at a time as the memory allows.
#pragma once

#include <cstdint>

#include "packet/vm.hpp"
#include "vmbsave/io.hpp"
#include "vmbsave/restore.hpp"

namespace vmbsave::io {

// How an image is received.
struct ReceiveOptions {
  Executor* executor = nullptr;                      // as of RestoreOptions
  std::uint64_t max_bytes = std::uint64_t{1} << 36;  // of the image
  // Most bytes of image held at a time; a channel whose stream is larger is RestoreFault::kBudget.
  std::uint64_t memory_budget = std::uint64_t{256} << 20;
};

// What became of it.
struct ReceiveReport {
  RestoreReport restore{};
  IoError io{};                  // of the source, for RestoreFault::kUnreadable
  std::uint64_t bytes = 0;       // received
  std::uint64_t peak_bytes = 0;  // of memory: of the image, and the source's own
};

// As restore_image, but that only the channels held at a time are checked before the first RestorePacket of theirs. Of
// a source whose size is not known, what follows the image is left in it. On failure every channel is empty and usable.
ReceiveReport restore_from(packet::Vm& vm, Source& source, const ReceiveOptions& options = {}) noexcept;

}  // namespace vmbsave::io
