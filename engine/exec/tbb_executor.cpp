// oneTBB: an arena of its own, sized by what this process may use, and workers that it shares with all else in it.
//
// A loop is one task a thread, each of which claims ranges until none is left, rather than one task a range: a claim is
// one addition where a task is an allocation, a push and a pop (some 40 ns); two threads end within a range of each
// other with either; and whatever oneTBB drops, by an exception or a cancelled group, is still there to be claimed by
// the caller, each item once, without a note of what has run.
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <memory>
#include <new>

#include "base/atomic.hpp"
#include "exec/cpus.hpp"
#include "exec/shared_loop.hpp"
#include "exec/standby.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave {
namespace {

// Made at the first parallel call.
struct Arena {
  explicit Arena(unsigned threads) : tasks(static_cast<int>(threads), kReservedForCallers) { tasks.initialize(); }

  static constexpr unsigned kReservedForCallers = 1;

  tbb::task_arena tasks;
  exec::Standby standby;
  base::Atomic<unsigned> called{};                                   // tasks in `woken`; relaxed: how many are worth it
  tbb::task_group_context apart{tbb::task_group_context::isolated};  // nobody else's cancellation reaches `woken`
  tbb::task_group woken{apart};                                      // holds workers on standby
};

class TbbExecutor final : public Executor {
 public:
  explicit TbbExecutor(unsigned threads) : threads_(threads) {}

  // Workers that were called return at once; the tasks that none of them has taken are run here.
  ~TbbExecutor() override {
    if (arena_ == nullptr) return;
    arena_->standby.dismiss();
    try {
      arena_->tasks.execute([this] { arena_->woken.wait(); });
    } catch (...) {
      abandon_arena();
    }
  }

  unsigned concurrency() const noexcept override { return threads_; }

  void wake() noexcept override {
    if (inside_ || !has_arena()) return;  // inside run() the loops follow each other closely as it is
    arena_->standby.call();
    try {
      arena_->tasks.execute([this] { call_workers(*arena_); });
    } catch (const std::bad_alloc&) {
      abandon_arena();  // oneTBB may have counted a task that it had no memory for, and would wait for it
    } catch (...) {     // no threads: then the caller does the work
    }
  }

  void run(Task task, void* context) noexcept override {
    const bool entered = enter([&] {
      inside_ = true;
      task(context);
      inside_ = false;
      arena_->standby.dismiss();
    });
    if (!entered) task(context);
  }

  void for_each(std::size_t count, std::size_t grain, Body body, void* context) noexcept override {
    exec::SharedLoop loop(count, grain, body, context);
    if (inside_ && !loop.fits_one_range()) {
      share(loop);
    } else if (!loop.fits_one_range()) {
      enter([&] { share(loop); });
    }
    loop.work();  // all of a small loop, and whatever oneTBB had no memory or no thread for
  }

 private:
  // One whose initialisation failed is thrown away: at its next use oneTBB would wait for ever for the end of that.
  bool has_arena() noexcept {
    try {
      if (arena_ == nullptr && threads_ > 1) arena_ = std::make_unique<Arena>(threads_);
    } catch (...) {
    }
    return arena_ != nullptr;
  }

  // Rather lost than freed under a task that still comes. The next call makes another.
  void abandon_arena() noexcept { static_cast<void>(arena_.release()); }

  // Those that are there already have heard the call too: never more tasks than workers.
  void call_workers(Arena& arena) const {
    for (unsigned there = arena.called.load_relaxed(); there + 1 < threads_; ++there) {
      arena.called.fetch_add_relaxed(1);
      arena.woken.run([&arena] {
        arena.standby.stay();
        arena.called.fetch_sub_relaxed(1);
      });
    }
  }

  // Calls f inside the arena, isolated: who waits for a loop's end there takes up nothing else. False if oneTBB cannot;
  // f was not called then.
  template <class F>
  bool enter(F&& f) noexcept {
    if (!has_arena()) return false;
    bool entered = false;
    const auto isolated = [&] {
      entered = true;
      f();
    };
    try {
      arena_->tasks.execute([&] { tbb::this_task_arena::isolate(isolated); });
    } catch (...) {
    }
    return entered;
  }

  // Isolated once more a thread: a callback that waits for oneTBB tasks of its own must not start another packet's
  // callback meanwhile, under a lock that it may hold.
  void share(exec::SharedLoop& loop) noexcept {
    arena_->standby.dismiss();
    const auto one_thread = [&](unsigned) { tbb::this_task_arena::isolate([&] { loop.work(); }); };
    try {
      tbb::parallel_for(0u, threads_, one_thread, tbb::simple_partitioner());
    } catch (...) {  // joined all the same, before it was thrown
    }
  }

  const unsigned threads_;
  std::unique_ptr<Arena> arena_;
  bool inside_ = false;  // run() is on the stack, and in the arena
};

}  // namespace

std::unique_ptr<Executor> make_tbb_executor(unsigned threads) {
  return std::make_unique<TbbExecutor>(exec::threads_for(threads));
}

}  // namespace vmbsave
