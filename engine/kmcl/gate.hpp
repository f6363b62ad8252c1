// gate.hpp: who may be inside a channel's incoming queue: one thread at a time, and nobody while the channel is not
// active.
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/atomic.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::kmcl {

class Gate {
 public:
  enum class Entry { kInside, kAnother, kClosed };
  // kAnother: another thread is inside, and will go round again.
  Entry enter() noexcept;
  // True: somebody asked meanwhile; go round again. False: the caller is outside.
  bool leave() noexcept;
  // For whoever is inside: the gate is being closed.
  bool closing() const noexcept { return !open_.load_relaxed(); }

  void open() noexcept;
  // Waits until nobody is inside.
  void close() noexcept;

  // What stopped the thread that was inside is somebody else's to remove: it has to be woken. Held while `wake` runs,
  // so that the transport cannot go meanwhile.
  void block() noexcept { blocked_.store_relaxed(true); }
  void unblock() noexcept { blocked_.store_relaxed(false); }
  bool blocked() const noexcept { return blocked_.load_relaxed(); }
  // Calls wake(context) if the gate is open, and if it is blocked or `always`.
  void wake(const VMBS_TRANSPORT& transport, PVOID context, bool always) noexcept;

 private:
  std::mutex mutex_;
  std::condition_variable left_;
  base::Atomic<bool> open_{};  // changed under the mutex
  bool inside_ = false;
  bool again_ = false;
  base::Atomic<bool> blocked_{};
};

}  // namespace vmbsave::kmcl
