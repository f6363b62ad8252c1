// Which executor production gets.
#include <utility>

#include "exec/cpus.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave {

std::unique_ptr<Executor> make_executor(unsigned threads) {
  const unsigned usable = exec::threads_for(threads);
  if (usable == 1) return make_serial_executor();
  std::unique_ptr<Executor> executor = make_tbb_executor(usable);
  return executor != nullptr ? std::move(executor) : make_thread_executor(usable);
}

#if !VMBSAVE_TBB
std::unique_ptr<Executor> make_tbb_executor(unsigned) { return nullptr; }
#endif

}  // namespace vmbsave
