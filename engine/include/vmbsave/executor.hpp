// executor.hpp: how the engine runs its passes. An embedding program may bring its own.
#pragma once

#include <cstddef>
#include <memory>

namespace vmbsave {

class Executor {
 public:
  virtual ~Executor() = default;

  // Threads that take part, the caller included; at least 1.
  virtual unsigned concurrency() const noexcept = 0;

  // Calls body(context, first, last) so that the ranges cover [0, count) once, each at most `grain` long (grain >= 1),
  // on any of the threads; returns when all have returned, and what they wrote is then visible to the caller. Not to be
  // called from two threads at once, nor from inside a body. body must not throw.
  using Body = void (*)(void* context, std::size_t first, std::size_t last) noexcept;
  virtual void for_each(std::size_t count, std::size_t grain, Body body, void* context) noexcept = 0;
};

// Everything on the calling thread, in ascending order.
std::unique_ptr<Executor> make_serial_executor();

// The calling thread and `threads` - 1 of its own, which start with the first parallel call and sleep between saves.
std::unique_ptr<Executor> make_thread_executor(unsigned threads);

}  // namespace vmbsave
