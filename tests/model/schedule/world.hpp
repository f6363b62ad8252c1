// world.hpp: threads that run one at a time, as fibers of one, and the memory that they share. Before each operation of
// an atomic a Strategy decides which thread goes on.
//
// Memory: each atomic keeps its messages, in the order of their stores. A load may read any message that is not older
// than the last that its thread has seen of the atomic, or knows of through an acquire. Read-modify-writes read the
// newest, and go on with the release sequence of what they read; a compare-exchange in vain is a load. A store is the
// newest message: exact for atomics that one thread at a time stores to, which is what the engine has. Not modelled:
// load buffering (a load that reads what is stored later), and stores by several threads at once to one atomic that are
// ordered otherwise than they came.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/schedule/strategy.hpp"
#include "model/schedule/view.hpp"

namespace vmbsave::model {

struct Message {
  std::uint64_t value = 0;
  View view;  // what a load that acquires learns
};

// One atomic. Registers itself.
class Location {
 public:
  explicit Location(std::uint64_t value);
  ~Location();
  Location(const Location&) = delete;

  // At the start of a schedule everybody has seen the newest.
  void forget_the_past();

  std::size_t id;
  std::vector<Message> messages;
};

class World {
 public:
  static World& get();

  // One schedule: the threads, from their starts until all have ended. setup() and what comes after run in none of
  // them.
  void run(Strategy& strategy, const std::vector<std::function<void()>>& threads);

  // From inside a thread: one more, which has seen what this one has; and the end of it.
  unsigned fork(std::function<void()> body);
  void join(unsigned thread);

  bool inside() const noexcept { return running_ != kNone; }
  unsigned self() const noexcept { return running_; }
  View& view() noexcept { return threads_[running_]->view; }

  std::uint64_t load(Location& location, bool acquire);
  void store(Location& location, std::uint64_t value, bool release);
  bool compare_exchange(Location& location, std::uint64_t& expected, std::uint64_t desired, bool acquire, bool release);

  template <class F>
  std::uint64_t read_modify_write(Location& location, bool acquire, bool release, F&& next) {
    if (inside()) point();
    const std::uint64_t old = location.messages.back().value;
    append(location, next(old), acquire, release);
    return old;
  }

  // The thread has looked in vain: it goes on when another has stored something.
  void wait_round();

  // What a thread does in its scope must not wait for another: it ends after so many steps of its own when it runs
  // alone, wherever the others stand, and compares in vain only if another has changed what it knew.
  class NonBlocking {
   public:
    explicit NonBlocking(const char* what);
    ~NonBlocking();
    NonBlocking(const NonBlocking&) = delete;

   private:
    const char* outer_ = nullptr;
  };

  // Ends the process, after a line that says what is broken and what makes the schedule run again.
  [[noreturn]] void fail(const std::string& what);

  // Of what runs: what makes a schedule run again begins with it.
  void set_scenario(const char* name) noexcept { scenario_ = name; }

  // Prints each operation: for a schedule that runs again.
  void show(bool wanted) noexcept { shown_ = wanted; }

  std::uint64_t schedules() const noexcept { return schedules_; }
  std::uint64_t steps() const noexcept { return steps_; }
  // Read-modify-writes of the thread that runs, those that failed among them.
  std::uint32_t updates_of_self() const noexcept { return threads_[running_]->updates; }

  std::size_t add(Location& location);
  void remove(std::size_t id) { locations_[id] = nullptr; }

 private:
  static constexpr unsigned kNone = UINT32_MAX;
  static constexpr unsigned kMostSteps = 20'000;
  static constexpr unsigned kMostAlone = 40;

  struct Thread {
    ucontext_t context{};  // where its fiber begins
    jmp_buf place{};       // where it goes on: unlike a change of contexts, no system call
    bool begun = false;    // the fiber, which stays for the next schedule
    std::unique_ptr<std::byte[]> stack;
    std::function<void()> body;
    View view;
    bool done = true;
    bool waiting = false;
    bool stale = false;  // it has read an old message since its last wait
    bool fresh = false;  // the next one reads the newest: what is stored is seen in the end
    unsigned joins = kNone;
    std::uint64_t own = 0;    // stores of its own
    std::uint64_t since = 0;  // stores of others when its last wait ended: what it has looked at is not older
    std::uint32_t updates = 0;
    const char* operation = nullptr;  // that must not wait
    unsigned alone = 0;               // steps of it since another thread ran
  };

  unsigned start(std::function<void()> body, const View& view);
  bool can_go_on(const Thread& thread) const;
  void point();
  void leave_processor();
  void change_from(Thread& self);
  [[noreturn]] void resume();
  void pick(bool goes_on);
  void note(const char* what, const Location& location, std::uint64_t value) const;
  std::size_t choose(const Location& location);
  void see(const Location& location, std::size_t number);
  void append(Location& location, std::uint64_t value, bool acquire, bool release);
  static void enter();

  std::vector<std::unique_ptr<Thread>> threads_;
  unsigned used_threads_ = 0;
  std::vector<Location*> locations_;
  std::vector<unsigned> candidates_;
  jmp_buf main_{};
  Strategy* strategy_ = nullptr;
  unsigned running_ = kNone;
  unsigned alive_ = 0;
  unsigned preemptions_ = 0;
  unsigned stale_loads_ = 0;
  bool solo_ = false;  // a thread has the processor for itself, to the end of its operation and as far as it comes
  unsigned schedule_steps_ = 0;
  std::uint64_t stores_ = 0;
  bool shown_ = false;
  const char* scenario_ = "-";
  std::uint64_t schedules_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace vmbsave::model
