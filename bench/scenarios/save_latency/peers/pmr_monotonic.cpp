#include <memory_resource>

#include "mem/mapping.hpp"
#include "scenarios/save_latency/peers/record_table.hpp"
#include "scenarios/save_latency/rig.hpp"

namespace vmbsave::bench {
namespace {

// A resource a thread, each over memory that could hold every record, of which the pages are there: it grows from no
// other memory, and rewinds to its beginning.
class Monotonic {
 public:
  Monotonic(unsigned workers, std::uint64_t bytes) {
    for (unsigned worker = 0; worker < workers; ++worker) {
      mem::Mapping& memory = memory_.emplace_back(mem::Mapping::reserve(bytes));
      if (!memory || !memory.prefault(0, memory.size())) throw std::bad_alloc();
      resources_.push_back(std::make_unique<Resource>(memory));
    }
  }

  void* give(unsigned worker, std::size_t bytes) {
    return resources_[worker]->resource.allocate(bytes, image::kRecordAlignment);
  }
  void take_back(const Records&) noexcept {
    for (const auto& resource : resources_) resource->resource.release();
  }

 private:
  struct alignas(base::kCacheLine) Resource {
    explicit Resource(mem::Mapping& memory)
        : resource(memory.data(), static_cast<std::size_t>(memory.size()), std::pmr::null_memory_resource()) {}
    std::pmr::monotonic_buffer_resource resource;
  };

  std::vector<mem::Mapping> memory_;
  std::vector<std::unique_ptr<Resource>> resources_;
};

}  // namespace

std::unique_ptr<Implementation> make_pmr_monotonic(Rig& rig, const RunOptions& options) {
  const unsigned workers = options.executor == nullptr ? 1 : options.executor->concurrency();
  return std::make_unique<RecordTable<Monotonic>>("pmr_monotonic", rig, options.executor, workers,
                                                  bytes_of_records(rig));
}

}  // namespace vmbsave::bench
