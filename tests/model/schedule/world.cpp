#include "model/schedule/world.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace vmbsave::model {

namespace {

constexpr std::size_t kStackBytes = 128u << 10;

}  // namespace

Location::Location(std::uint64_t value) : id(World::get().add(*this)), messages(1) { messages[0].value = value; }
Location::~Location() { World::get().remove(id); }

void Location::forget_the_past() {
  const std::uint64_t value = messages.back().value;
  messages.resize(1);
  messages[0].value = value;
  messages[0].view = {};
}

World::NonBlocking::NonBlocking(const char* what) {
  World& world = get();
  if (!world.inside()) return;
  Thread& self = *world.threads_[world.running_];
  outer_ = std::exchange(self.operation, what);
  self.alone = 0;
}

World::NonBlocking::~NonBlocking() {
  World& world = get();
  if (world.inside()) world.threads_[world.running_]->operation = outer_;
}

World& World::get() {
  static World world;
  return world;
}

std::size_t World::add(Location& location) {
  const auto free = std::find(locations_.begin(), locations_.end(), nullptr);
  const auto id = static_cast<std::size_t>(free - locations_.begin());
  if (free == locations_.end()) locations_.push_back(nullptr);
  if (id >= kMaxAtoms) fail("more atomics than a view holds");
  locations_[id] = &location;
  return id;
}

void World::run(Strategy& strategy, const std::vector<std::function<void()>>& threads) {
  strategy_ = &strategy;
  used_threads_ = alive_ = preemptions_ = stale_loads_ = schedule_steps_ = 0;
  solo_ = false;
  stores_ = 0;
  ++schedules_;
  for (Location* const location : locations_) {
    if (location != nullptr) location->forget_the_past();
  }
  for (const auto& body : threads) start(body, {});
  pick(false);
  if (_setjmp(main_) == 0) resume();
  running_ = kNone;
}

unsigned World::start(std::function<void()> body, const View& view) {
  const unsigned id = used_threads_++;
  if (id == kMaxThreads) fail("more threads than a view holds");
  if (id == threads_.size()) {
    threads_.push_back(std::make_unique<Thread>());
    Thread& made = *threads_[id];
    made.stack = std::make_unique<std::byte[]>(kStackBytes);
    getcontext(&made.context);
    made.context.uc_stack.ss_sp = made.stack.get();
    made.context.uc_stack.ss_size = kStackBytes;
    makecontext(&made.context, enter, 0);
  }
  Thread& thread = *threads_[id];
  thread.body = std::move(body);
  thread.view = view;
  thread.view.thread(id) = 1;
  thread.done = thread.waiting = thread.stale = thread.fresh = false;
  thread.joins = kNone;
  thread.own = 0;
  thread.since = stores_;
  thread.updates = 0;
  thread.operation = nullptr;
  ++alive_;
  return id;
}

// The body of every fiber.
void World::enter() {
  World& world = get();
  Thread& self = *world.threads_[world.running_];
  for (;;) {
    self.body();
    self.done = true;
    if (_setjmp(self.place) != 0) continue;  // a thread of the next schedule
    if (--world.alive_ == 0) _longjmp(world.main_, 1);
    world.pick(false);
    world.resume();
  }
}

unsigned World::fork(std::function<void()> body) {
  View& mine = view();
  const unsigned id = start(std::move(body), mine);
  ++mine.thread(running_);
  return id;
}

void World::join(unsigned thread) {
  threads_[running_]->joins = thread;
  if (!threads_[thread]->done) leave_processor();
  threads_[running_]->joins = kNone;
  view().join(threads_[thread]->view);
}

bool World::can_go_on(const Thread& thread) const {
  if (thread.done) return false;
  if (thread.joins != kNone) return threads_[thread.joins]->done;
  return !thread.waiting || stores_ - thread.own != thread.since;
}

// Sets running_: whoever goes on. goes_on: the thread that runs now could.
void World::pick(bool goes_on) {
  candidates_.clear();
  if (goes_on) candidates_.push_back(running_);
  for (unsigned id = 0; id < used_threads_; ++id) {
    if (id != running_ && can_go_on(*threads_[id])) candidates_.push_back(id);
  }
  if (candidates_.empty()) fail("nobody can go on: a wait has no end");
  const bool last = goes_on && preemptions_ >= strategy_->preemptions();
  if (last && strategy_->solo()) {
    std::erase_if(candidates_, [&](unsigned id) { return id != running_ && threads_[id]->operation == nullptr; });
  }
  unsigned taken = 0;
  if (candidates_.size() > 1 && !solo_ && (!last || strategy_->solo())) {
    taken = strategy_->thread(candidates_, goes_on);
  }
  if (goes_on && taken != 0) ++preemptions_;
  solo_ = solo_ || (last && taken != 0);
  running_ = candidates_[taken];
}

void World::point() {
  const unsigned self = running_;
  ++steps_;
  if (++schedule_steps_ == kMostSteps) fail("no end after 20,000 steps");
  Thread& thread = *threads_[self];
  if (thread.operation != nullptr && ++thread.alone > kMostAlone) {
    fail(std::string(thread.operation) + " has no end when it runs alone");
  }
  pick(true);
  if (running_ == self) return;
  change_from(thread);
  thread.alone = 0;
}

void World::leave_processor() {
  const unsigned self = running_;
  if (++schedule_steps_ == kMostSteps) fail("no end after 20,000 steps");
  if (can_go_on(*threads_[self])) {
    pick(true);
  } else {
    pick(false);
  }
  if (running_ != self) change_from(*threads_[self]);
}

// Goes on with running_; comes back when that is `self` again.
void World::change_from(Thread& self) {
  if (_setjmp(self.place) == 0) resume();
}
void World::resume() {
  Thread& next = *threads_[running_];
  if (next.begun) _longjmp(next.place, 1);
  next.begun = true;
  setcontext(&next.context);
  fail("no fiber");
}

void World::wait_round() {
  if (!inside()) return;
  Thread& self = *threads_[running_];
  if (self.operation != nullptr) fail(std::string(self.operation) + " waits for another thread");
  self.waiting = !self.stale;
  if (shown_) std::printf("  thread %u waits\n", running_);
  strategy_->waits(running_);
  leave_processor();
  self.waiting = self.stale = false;
  self.fresh = true;
  self.since = stores_ - self.own;
}

std::uint64_t World::load(Location& location, bool acquire) {
  if (!inside()) return location.messages.back().value;
  point();
  const std::size_t number = choose(location);
  const Message& message = location.messages[number];
  if (acquire) view().join(message.view);
  see(location, number);
  note(number + 1 != location.messages.size() ? "reads an old" : "reads", location, message.value);
  return message.value;
}

// Which message a load reads: none that is older than what its thread has seen.
std::size_t World::choose(const Location& location) {
  Thread& self = *threads_[running_];
  const std::size_t newest = location.messages.size() - 1;
  const std::size_t choices = newest - self.view.atom(location.id) + 1;
  std::size_t back = 0;
  if (choices > 1 && !self.fresh && stale_loads_ < strategy_->stale_loads()) {
    back = strategy_->message(static_cast<unsigned>(choices));
  }
  self.fresh = false;
  if (back != 0) {
    self.stale = true;
    ++stale_loads_;
  }
  return newest - back;
}

void World::see(const Location& location, std::size_t number) {
  std::uint16_t& seen = view().atom(location.id);
  seen = std::max(seen, static_cast<std::uint16_t>(number));
}

void World::store(Location& location, std::uint64_t value, bool release) {
  if (!inside()) {
    location.messages.back().value = value;
    return;
  }
  point();
  Thread& self = *threads_[running_];
  ++stores_;
  ++self.own;
  const auto number = static_cast<std::uint16_t>(location.messages.size());
  self.view.atom(location.id) = number;
  Message& message = location.messages.emplace_back();
  message.value = value;
  note("stores", location, value);
  if (release) message.view = self.view;
  message.view.atom(location.id) = number;
  if (release) ++self.view.thread(running_);
}

bool World::compare_exchange(Location& location, std::uint64_t& expected, std::uint64_t desired, bool acquire,
                             bool release) {
  std::size_t number = location.messages.size() - 1;
  if (inside()) {
    point();
    number = choose(location);
    // In vain it is a load. Else it reads the newest.
    if (location.messages[number].value == expected) number = location.messages.size() - 1;
  }
  const std::uint64_t found = location.messages[number].value;
  if (found == expected) {
    append(location, desired, acquire, release);
    return true;
  }
  expected = found;
  note("compares in vain", location, expected);
  if (inside()) {
    Thread& self = *threads_[running_];
    if (self.operation != nullptr && view().atom(location.id) + 1u == location.messages.size()) {
      fail(std::string(self.operation) + " compares in vain, and nothing has changed");
    }
    ++self.updates;
    see(location, number);
  }
  return false;
}

// Of a read-modify-write: reads the newest and stores.
void World::append(Location& location, std::uint64_t value, bool acquire, bool release) {
  if (!inside()) {
    location.messages.back().value = value;
    return;
  }
  Thread& self = *threads_[running_];
  ++stores_;
  ++self.own;
  const auto number = static_cast<std::uint16_t>(location.messages.size());
  note("updates to", location, value);
  ++self.updates;
  Message next;
  next.value = value;
  next.view = location.messages.back().view;
  if (acquire) self.view.join(next.view);
  self.view.atom(location.id) = number;
  if (release) next.view.join(self.view);
  next.view.atom(location.id) = number;
  location.messages.push_back(next);
  if (release) ++self.view.thread(running_);
}

void World::note(const char* what, const Location& location, std::uint64_t value) const {
  if (!shown_ || !inside()) return;
  std::printf("  thread %u %s %llx in atomic %zu\n", running_, what, static_cast<unsigned long long>(value),
              location.id);
}

void World::fail(const std::string& what) {
  std::printf("broken: %s\n  in schedule %llu, thread %d; --scenario %s --replay %s\n", what.c_str(),
              static_cast<unsigned long long>(schedules_), running_ == kNone ? -1 : static_cast<int>(running_),
              scenario_, strategy_ == nullptr ? "-" : strategy_->replay().c_str());
  std::fflush(stdout);
  _exit(1);
}

}  // namespace vmbsave::model
