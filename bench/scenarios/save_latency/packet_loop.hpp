// packet_loop.hpp: every packet of a rig, on the threads of a row: what the peers that are parallel have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include "base/atomic.hpp"
#include "base/bytes.hpp"
#include "packet/channel.hpp"
#include "vmbsave/executor.hpp"
#include "vmbsave/kmcl.h"

namespace vmbsave::bench {

class Rig;

class PacketLoop {
 public:
  struct Visited {
    unsigned worker;
    std::uint32_t channel;
    const packet::ChannelConfig& config;
    VMBPACKET packet;
    std::size_t number;  // among all packets: channel by channel, in order of arrival
  };

  // executor: nullptr for the calling thread alone. Packets of one channel are visited by one thread at a time where
  // its callbacks must not run concurrently.
  PacketLoop(Rig& rig, Executor* executor);

  unsigned workers() const noexcept { return workers_; }
  std::size_t packets() const noexcept { return packets_; }

  // visit(const Visited&) for each packet, on any of the threads. Rethrows the first exception of a visit.
  template <class Visit>
  void run(Visit visit) {
    Task<Visit> task{*this, visit};
    next_.store_relaxed(0);
    failed_.store_relaxed(0);
    error_ = nullptr;
    if (executor_ == nullptr) {
      task.work(0);
    } else {
      executor_->wake();
      executor_->run([](void* self) noexcept { static_cast<Task<Visit>*>(self)->work_together(); }, &task);
    }
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // What a thread takes at a time.
  struct Slice {
    std::uint32_t channel;
    std::size_t first;  // number of its first packet
    const VMBPACKET* packets;
    std::size_t count;
  };

  template <class Visit>
  struct Task {
    PacketLoop& loop;
    Visit& visit;

    void work_together() noexcept {
      loop.executor_->for_each(
          loop.workers_, 1,
          [](void* self, std::size_t first, std::size_t last) noexcept {
            for (; first != last; ++first) static_cast<Task*>(self)->work(static_cast<unsigned>(first));
          },
          this);
    }
    void work(unsigned worker) noexcept {
      try {
        while (const Slice* const slice = loop.take()) visit_all(worker, *slice);
      } catch (...) {
        loop.fail(std::current_exception());
      }
    }
    void visit_all(unsigned worker, const Slice& slice) {
      const packet::ChannelConfig& config = *loop.configs_[slice.channel];
      for (std::size_t i = 0; i < slice.count; ++i) {
        visit(Visited{worker, slice.channel, config, slice.packets[i], slice.first + i});
      }
    }
  };

  const Slice* take() noexcept;
  void fail(std::exception_ptr error) noexcept;

  Executor* const executor_;
  const unsigned workers_;
  std::vector<const packet::ChannelConfig*> configs_;  // by channel
  std::vector<Slice> slices_;
  std::size_t packets_ = 0;
  alignas(base::kCacheLine) base::Atomic<std::size_t> next_{};
  alignas(base::kCacheLine) base::Atomic<unsigned> failed_{};
  std::exception_ptr error_;  // of the first that failed
};

}  // namespace vmbsave::bench
