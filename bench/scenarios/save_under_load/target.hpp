// target.hpp: a VM that is saved under load, in one of several ways. A packet in flight is a token, which says on which
// channel it is and what its state must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace vmbsave {
class Executor;
}

namespace vmbsave::bench {

using Token = std::uint32_t;

inline constexpr std::uint32_t kMostStateBytes = 272;

// Of 32 to 272 bytes, as at the centre of the save latencies.
constexpr std::uint32_t state_bytes(Token token) { return 32 + token * 7 % 31 * 8; }
inline void write_state(Token token, std::byte* to) {
  std::memset(to, static_cast<int>(token * 31 & 0xFF), state_bytes(token));
}
inline bool is_state(Token token, const std::byte* at, std::uint32_t bytes) {
  if (bytes != state_bytes(token)) return false;
  for (std::uint32_t i = 0; i < bytes; ++i) {
    if (at[i] != static_cast<std::byte>(token * 31 & 0xFF)) return false;
  }
  return true;
}

struct Saved {
  std::uint64_t blackout_ns = 0;  // from the cut until everything that was held up has been delivered
  std::uint64_t packets = 0;      // in the image
  std::uint64_t deferred = 0;     // completions that waited for the end
};

class Target {
 public:
  // The guest sees a completion: told by the thread that delivers it, which may be the VSP's or the saver's.
  using Sink = void (*)(void* context, Token token);

  virtual ~Target() = default;
  virtual const char* name() const noexcept = 0;

  // The VSP's thread: a packet comes in, and its state is made. False: not now.
  virtual bool acquire(Token token) noexcept = 0;
  virtual void complete(Token token) noexcept = 0;

  // The saver's thread: from the cut to the end. `image`: gets the tokens that the image holds; throws CheckFailed if
  // one is not as it must be. nullptr: nobody looks.
  virtual Saved save(std::vector<Token>* image) = 0;

  // Whether a save waits for completions, and has no image.
  virtual bool drains() const noexcept { return false; }
};

struct TargetOptions {
  std::uint32_t channels = 1;
  std::uint32_t packets = 1;  // tokens: 0 .. packets - 1, dealt to the channels in turn
  Executor* executor = nullptr;
  Target::Sink sink = nullptr;
  void* sink_context = nullptr;
};

using MakeTarget = std::unique_ptr<Target> (*)(const TargetOptions&);

// The engine, through C++.
std::unique_ptr<Target> make_engine_target(const TargetOptions& options);
// One list of the packets in use, one lock around it: held while a packet comes, goes, and for the whole of a save.
std::unique_ptr<Target> make_mutex_list(const TargetOptions& options);
// No new packets, until the VSP has completed all that there are; then nothing is left that would have to be saved.
std::unique_ptr<Target> make_drain_then_save(const TargetOptions& options);

}  // namespace vmbsave::bench
