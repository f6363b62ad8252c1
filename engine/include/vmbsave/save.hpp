// save.hpp: what a save is given and what it reports.
#pragma once

#include <cstdint>

#include "vmbsave/status.hpp"

namespace vmbsave {

class Executor;

struct SaveOptions {
  Executor* executor = nullptr;   // nullptr: the calling thread alone
  std::uint64_t deadline_ns = 0;  // from begin; 0: none. Past it the save ends with kIoTimeout and nothing is lost
  bool checksum = true;           // off: checksum fields are zero and the image cannot be restored
};

enum class EndMode {
  kResume,   // deferred completions are delivered, packets go on
  kDiscard,  // nothing is delivered, the channels are left empty: the destination owns the packets
};

enum class SavePhase : std::uint8_t { kCut, kTransitWait, kSize, kPlace, kSave, kSeal, kEnd };
inline constexpr unsigned kSavePhases = 7;
const char* phase_name(SavePhase phase) noexcept;

// Why a save failed, for the first failure seen.
struct SaveFailure {
  Status status = Status::kSuccess;
  SavePhase phase = SavePhase::kCut;
  std::uint32_t channel = 0;         // number in the VM
  std::uint64_t transaction_id = 0;  // of the packet, if a callback failed
};

struct SaveReport {
  std::uint64_t phase_ns[kSavePhases] = {};
  std::uint64_t packets = 0;
  std::uint64_t channels = 0;
  std::uint64_t image_bytes = 0;
  std::uint64_t deferred_delivered = 0;  // completions that end(kResume) gave to the guest
  SaveFailure failure;
};

}  // namespace vmbsave
