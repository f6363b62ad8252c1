// acquire_complete.hpp: what the engine adds to every packet's life while nobody saves: it is taken in, indicated and
// completed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "packet/vm.hpp"

namespace vmbsave::bench {

// One thread, one channel of 256 packets, 16 of them in use.
class AcquireComplete {
 public:
  // Throws std::bad_alloc.
  AcquireComplete();
  ~AcquireComplete();

  // Takes so many packets in, and completes each when 16 newer ones are in use; gives nanoseconds.
  std::uint64_t run(std::uint32_t packets) noexcept;

  // Whether each packet was delivered once, with its own completion. After the last run.
  bool is_right() const noexcept { return delivered_ == completed_ && damaged_ == 0; }

 private:
  void acquire() noexcept;
  void complete() noexcept;
  static void on_completion(void* self, const packet::Packet& packet, const void* result) noexcept;

  static constexpr std::uint32_t kCapacity = 256;
  static constexpr std::uint32_t kInUse = 16;

  packet::Vm vm_;
  std::unique_ptr<packet::Channel> channel_;
  packet::Packet* in_use_[kInUse] = {};
  std::uint64_t acquired_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace vmbsave::bench
