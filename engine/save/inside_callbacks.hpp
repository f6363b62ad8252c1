// inside_callbacks.hpp: whether this thread may be inside a SavePacket, and of which save.
#pragma once

namespace vmbsave::save {

// Marks this thread for the time in which it may run a session's SavePackets: who waits for that save from here would
// wait for himself. A SavePacket may save another VM.
class InsideCallbacks {
 public:
  explicit InsideCallbacks(const void* session) noexcept : session_(session), outer_(innermost_) { innermost_ = this; }
  ~InsideCallbacks() { innermost_ = outer_; }
  InsideCallbacks(const InsideCallbacks&) = delete;

  static bool of(const void* session) noexcept {
    const InsideCallbacks* scope = innermost_;
    while (scope != nullptr && scope->session_ != session) scope = scope->outer_;
    return scope != nullptr;
  }

 private:
  inline static thread_local const InsideCallbacks* innermost_ = nullptr;
  const void* const session_;
  const InsideCallbacks* const outer_;
};

}  // namespace vmbsave::save
