// recorder.hpp: the operations on a VM in one schedule. One is before another if it happens before it: in the same
// thread, or through what the threads have learnt of each other; that it ran earlier is not enough.
#pragma once

#include <algorithm>
#include <vector>

#include "model/history.hpp"
#include "model/schedule/world.hpp"

namespace vmbsave::model {

class Recorder {
 public:
  using Kind = test::Operation::Kind;

  // Outside a schedule nothing is recorded.
  int start(test::Promise::Id id = 0) {
    World& world = World::get();
    if (!world.inside()) return -1;
    const int at = static_cast<int>(calls_.size());
    Call& call = calls_.emplace_back();
    call.thread = world.self();
    call.start = ++now_;
    call.seen = world.view();
    call.operation.id = id;
    call.operation.inside = open_[world.self()];
    open_[world.self()] = at;
    return at;
  }

  void finish(int at, Kind kind, std::uint64_t image = test::Operation::kUnknown) {
    if (at < 0) return;
    World& world = World::get();
    Call& call = calls_[static_cast<std::size_t>(at)];
    call.end = ++now_;
    call.end_clock = world.view().thread(world.self());
    call.operation.kind = kind;
    call.operation.image = image;
    open_[world.self()] = call.operation.inside;
  }

  void set_image(int at, std::uint64_t image) {
    if (at >= 0) calls_[static_cast<std::size_t>(at)].operation.image = image;
  }

  std::vector<test::Operation> operations() const {
    std::vector<test::Operation> operations;
    for (const Call& call : calls_) {
      operations.push_back(call.operation);
      for (std::size_t i = 0; i < calls_.size(); ++i) {
        if (is_before(calls_[i], call)) operations.back().before |= std::uint64_t{1} << (i % 64);
      }
    }
    return operations;
  }

 private:
  struct Call {
    unsigned thread = 0;
    unsigned start = 0;
    unsigned end = 0;
    std::uint16_t end_clock = 0;
    View seen;  // at its start
    test::Operation operation;
  };
  static bool is_before(const Call& a, const Call& b) {
    return a.thread == b.thread ? a.end < b.start : b.seen.thread(a.thread) >= a.end_clock;
  }

  std::vector<Call> calls_;
  int open_[kMaxThreads] = {-1, -1, -1, -1, -1, -1, -1, -1};
  unsigned now_ = 0;
};

}  // namespace vmbsave::model
