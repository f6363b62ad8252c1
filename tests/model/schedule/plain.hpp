// plain.hpp: memory that is no atomic: two accesses, one of them a write, must not race.
#pragma once

#include <array>
#include <cstdint>

#include "model/schedule/world.hpp"

namespace vmbsave::model {

template <class T>
class Plain {
 public:
  // `what`: of whom a race is told.
  explicit Plain(const char* what) : what_(what) {}

  T read() {
    World& world = World::get();
    if (world.inside()) {
      expect_seen(writer_, written_, "is read");
      reads_[world.self()] = world.view().thread(world.self());
    }
    return value_;
  }
  void write(T value) {
    World& world = World::get();
    if (world.inside()) {
      expect_seen(writer_, written_, "is written");
      for (unsigned thread = 0; thread < kMaxThreads; ++thread) expect_seen(thread, reads_[thread], "is overwritten");
      writer_ = world.self();
      written_ = world.view().thread(writer_);
    }
    value_ = value;
  }

 private:
  void expect_seen(unsigned thread, std::uint16_t when, const char* access) const {
    World& world = World::get();
    if (thread != world.self() && world.view().thread(thread) < when) {
      world.fail(std::string(what_) + " " + access + " in a race with thread " + std::to_string(thread));
    }
  }

  const char* const what_;
  T value_{};
  unsigned writer_ = 0;
  std::uint16_t written_ = 0;
  std::array<std::uint16_t, kMaxThreads> reads_{};
};

}  // namespace vmbsave::model
