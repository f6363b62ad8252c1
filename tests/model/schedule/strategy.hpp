// strategy.hpp: who decides at each branch of a schedule: which thread goes on, which of several messages a load reads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vmbsave::model {

class Strategy {
 public:
  virtual ~Strategy() = default;

  // The next schedule begins. False: there is none left.
  virtual bool begin() = 0;

  // One of n >= 2 threads; 0 is the one that runs, if it can go on (`goes_on`). ids: their numbers.
  virtual unsigned thread(const std::vector<unsigned>& ids, bool goes_on) = 0;

  // One of n >= 2 messages, 0 the newest.
  virtual unsigned message(unsigned n) = 0;

  // The thread that runs waits for others.
  virtual void waits(unsigned) {}

  // How often a schedule may take the processor from a thread that could go on, and read what is not the newest.
  virtual unsigned preemptions() const { return UINT32_MAX; }
  virtual unsigned stale_loads() const { return UINT32_MAX; }
  // Whether, when these are used up, a thread that is inside an operation may take the processor all the same, once.
  virtual bool solo() const { return false; }

  // What makes this schedule run again.
  virtual std::string replay() const = 0;
};

// Every schedule with at most so many preemptions and stale loads, each once. solo: and from each point of each of
// them, each thread that is inside an operation alone to the end of it.
std::unique_ptr<Strategy> make_depth_first(unsigned preemptions, unsigned stale_loads, bool solo);

// `schedules` of them. Uniform over the choices.
std::unique_ptr<Strategy> make_random(std::uint64_t seed, std::uint64_t schedules);

// Probabilistic concurrency testing: threads have random priorities, which change at 2 random steps of the first 120.
// Finds a bug that needs 3 ordered events with a probability of at least 1 / (threads * 120^2) a schedule.
std::unique_ptr<Strategy> make_pct(std::uint64_t seed, std::uint64_t schedules);

// The one schedule that replay() of any strategy named.
std::unique_ptr<Strategy> make_replay(std::string_view text);

}  // namespace vmbsave::model
