#include "harness/executors.hpp"

#include <sched.h>

#include <algorithm>

namespace vmbsave::bench {

unsigned usable_cpus() {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT(&cpus), 1));
}

Executor& Executors::with_threads(unsigned threads) {
  std::unique_ptr<Executor>& executor = executors_[threads];
  if (executor == nullptr) executor = threads == 1 ? make_serial_executor() : make_thread_executor(threads);
  return *executor;
}

std::string Executors::name_of(unsigned threads) { return threads == 1 ? "serial" : "threads"; }

}  // namespace vmbsave::bench
