// forked_executor.hpp: an Executor whose workers are threads of the World.
#pragma once

#include "model/schedule/world.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::model {

// Each item of a loop is a thread of its own: a save asks for one a worker.
class ForkedExecutor final : public Executor {
 public:
  explicit ForkedExecutor(unsigned threads) : threads_(threads) {}

  unsigned concurrency() const noexcept override { return threads_; }

  void for_each(std::size_t count, std::size_t, Body body, void* context) noexcept override {
    unsigned forked[kMaxThreads];
    for (std::size_t i = 1; i < count; ++i) forked[i] = World::get().fork([=] { body(context, i, i + 1); });
    if (count != 0) body(context, 0, 1);
    for (std::size_t i = 1; i < count; ++i) World::get().join(forked[i]);
  }

 private:
  const unsigned threads_;
};

}  // namespace vmbsave::model
