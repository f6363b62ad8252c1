#include <algorithm>

#include "vmbsave/executor.hpp"

namespace vmbsave {
namespace {

class SerialExecutor final : public Executor {
 public:
  unsigned concurrency() const noexcept override { return 1; }

  void for_each(std::size_t count, std::size_t grain, Body body, void* context) noexcept override {
    for (std::size_t i = 0; i < count; i += grain) body(context, i, std::min(i + grain, count));
  }
};

}  // namespace

std::unique_ptr<Executor> make_serial_executor() { return std::make_unique<SerialExecutor>(); }

}  // namespace vmbsave
