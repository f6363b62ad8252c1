// pinned.hpp: threads on processors of their own.
#pragma once

#include <sched.h>

#include <vector>

namespace vmbsave::bench {

// Those that this thread may run on.
std::vector<int> allowed_cpus();

// The calling thread stays on one processor while this lives; nothing for a negative number.
class Pinned {
 public:
  explicit Pinned(int cpu);
  ~Pinned();
  Pinned(const Pinned&) = delete;

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

}  // namespace vmbsave::bench
