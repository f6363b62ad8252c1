// calls_steps.hpp: what the bytes of a program of calls mean. A step is one byte, its operands follow.
#pragma once

#include <cstdint>

namespace vmbsave::fuzz {

enum class Step : std::uint8_t {
  kReceive,       // mood, state: the guest sends a packet
  kProcess,       // most packets: the channel looks into its ring
  kComplete,      // which: from 250 on it is failed instead
  kSend,          // bytes, wants a completion, mood, state
  kAnswer,        // which
  kSaveBegin,     //
  kSaveContinue,  // kind of buffer, its size if it has one, its alignment
  kSaveEnd,       //
  kDisable,       //
  kEnable,        //
  kStart,         //
  kPause,         //
  kOpen,          //
  kClose,         //
  kRestore,       // how, which stream, where as 16 bits
  kCleanup,       //
  kOptions,       // of the next saves
  kTurnRoom,      // the ring to the guest is full, or has room again
  kTurnRefusal,   // RestorePacket fails, or does not any more
  kMisuse,        //
};
inline constexpr unsigned kSteps = 20;

constexpr Step step_of(unsigned code) { return static_cast<Step>(code % kSteps); }
constexpr unsigned line_of(unsigned code) { return code >> 7; }
constexpr std::uint8_t code_of(Step step, unsigned line) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(step) + line * 7 * kSteps);
}
static_assert(step_of(code_of(Step::kMisuse, 1)) == Step::kMisuse && line_of(code_of(Step::kReceive, 1)) == 1);

}  // namespace vmbsave::fuzz
