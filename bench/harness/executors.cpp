#include "harness/executors.hpp"

namespace vmbsave::bench {

Executor& Executors::with_threads(unsigned threads) {
  std::unique_ptr<Executor>& executor = executors_[threads];
  if (executor == nullptr) executor = make_executor(threads);
  return *executor;
}

std::string Executors::name_of(unsigned threads) {
  if (threads == 1) return "serial";
  return make_tbb_executor(1) != nullptr ? "onetbb" : "threads";
}

}  // namespace vmbsave::bench
