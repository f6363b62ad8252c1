// kill.hpp: when the source is killed: drawn by a round's seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace vmbsave::migration {

enum class KillMode : std::uint32_t {
  kAtAnyTime,    // by the guest, some microseconds after it had the source migrate
  kBeforeBegin,  // the rest: by itself, where it is then
  kAfterCut,
  kInPass,        // amount thousandths of the calls of SavePacket were made
  kWhileSending,  // amount thousandths of the image were sent
  kAfterLastByte,
  kAfterAcknowledged,
  kAfterDiscard,
  kNever,
  kRefused,  // never; the destination refuses the image, and the source goes on
  kLagging,  // never; writes of the source reach the disk long after the handing over
};
inline constexpr std::uint32_t kKillModes = 11;
const char* kill_mode_name(KillMode mode) noexcept;

// What a round does; made by the seed alone.
struct Plan {
  std::uint64_t seed = 0;
  KillMode mode = KillMode::kNever;
  std::uint64_t amount = 0;         // microseconds or thousandths
  std::uint32_t migrate_after = 0;  // completions
  std::uint64_t first = 0;          // of the trace's requests
  std::uint32_t requests = 0;
  std::uint64_t span = 0;          // bytes of the disk that they lie on
  unsigned threads = 1;            // that save
  std::uint32_t depth = 0;         // of the guest's requests on a channel before the migration
  std::uint64_t budget = 0;        // bytes of image that the destination holds at a time
  std::uint64_t piece_bytes = 0;   // handed to the socket at once
  std::uint32_t answer_after = 0;  // microseconds, in which the destination has an image and has not said so

  std::string text() const;
};

Plan draw_plan(std::uint64_t seed);

// This process ends here, as if from outside.
[[noreturn]] void kill_self() noexcept;

}  // namespace vmbsave::migration
