/// @file executor.hpp
/// How the engine runs its passes. An embedding program may bring its own.
#pragma once

#include <cstddef>
#include <memory>

namespace vmbsave {

/// Runs the blocks of a save, or the channels of a restore, on one thread or more.
class Executor {
 public:
  virtual ~Executor() = default;

  /// @return threads that take part, the caller included; at least 1
  virtual unsigned concurrency() const noexcept = 0;

  /// Works on the items from `first` up to `last`, that one not included. Must not throw.
  using Body = void (*)(void* context, std::size_t first, std::size_t last) noexcept;

  /// Calls body(context, first, last) so that the ranges cover [0, count) once, on any of the threads; returns when all
  /// have returned, and what they wrote is then visible to the caller. Not to be called from two threads at once, nor
  /// from inside a body.
  ///
  /// @param count    items
  /// @param grain    most items of one range; at least 1
  /// @param body     called for each range
  /// @param context  handed to body
  virtual void for_each(std::size_t count, std::size_t grain, Body body, void* context) noexcept = 0;
};

/// @return an executor that runs everything on the calling thread, in ascending order
std::unique_ptr<Executor> make_serial_executor();

/// An executor of threads of its own, which start with the first parallel call and sleep between saves.
///
/// @param threads  that take part, the calling one included
/// @return the executor
std::unique_ptr<Executor> make_thread_executor(unsigned threads);

}  // namespace vmbsave
