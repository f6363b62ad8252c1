/// @file executor.hpp
/// How the engine runs its passes. An embedding program may bring its own.
#pragma once

#include <cstddef>
#include <memory>

#ifndef _WIN32
#pragma GCC visibility push(default)  // a shared library exports what is declared from here on
#endif

namespace vmbsave {

/// Runs the blocks of a save, or the channels of a restore, on one thread or more.
class Executor {
 public:
  virtual ~Executor() = default;

  /// @return threads that take part, the caller included; at least 1. A save asks when it begins, and takes no more if
  ///         there are more later.
  virtual unsigned concurrency() const noexcept = 0;

  /// Work follows within microseconds: threads that sleep may as well get up now. Returns at once.
  virtual void wake() noexcept {}

  /// What run() calls. Must not throw.
  using Task = void (*)(void* context) noexcept;

  /// Calls task(context) on the calling thread. The calls of for_each inside it follow each other closely, so that the
  /// other threads need not be fetched anew for each. Not from inside another run().
  ///
  /// @param task     called once
  /// @param context  handed to task
  virtual void run(Task task, void* context) noexcept { task(context); }

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

/// Processors that this process may use: those of its affinity mask, but no more than its cgroups' CPU quota pays for,
/// rounded up. Reads the system's files: not for a hot path.
///
/// @return at least 1
unsigned available_cpus() noexcept;

/// The executor for production: oneTBB where the engine was built with it, threads of its own elsewhere, and for one
/// thread the calling one. No thread starts before the first wake() or parallel loop.
///
/// @param threads  that take part, the calling one included; more than available_cpus(), or 0: as many as those
/// @return the executor
std::unique_ptr<Executor> make_executor(unsigned threads = 0);

/// @return an executor that runs everything on the calling thread, in ascending order
std::unique_ptr<Executor> make_serial_executor();

/// An executor with a oneTBB arena of its own, whose workers oneTBB shares with the rest of the process. Callbacks that
/// run in it may use oneTBB themselves.
///
/// @param threads  that take part, the calling one included; more than available_cpus(), or 0: as many as those
/// @return the executor; nullptr if the engine was built without oneTBB
std::unique_ptr<Executor> make_tbb_executor(unsigned threads = 0);

/// An executor of threads of its own, which start with the first parallel call and sleep between saves. For sanitizers,
/// which do not see through oneTBB, and for builds without it.
///
/// @param threads  that take part, the calling one included; not limited by the processors that there are
/// @return the executor
std::unique_ptr<Executor> make_thread_executor(unsigned threads);

}  // namespace vmbsave

#ifndef _WIN32
#pragma GCC visibility pop
#endif
