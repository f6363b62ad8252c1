// fake_implementation.hpp: implementations that save nothing and say what a test wants them to.
#pragma once

#include <array>
#include <climits>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "latency/latency_run.hpp"

namespace vmbsave::tests {

// Times are by number of the save, from 0. An image differs from the given save on, counted from 1.
struct Script {
  using Times = std::function<std::uint64_t(unsigned save)>;
  Times subject_ns = [](unsigned) { return 1000; };
  Times floor_ns = [](unsigned) { return 500; };
  Times sequential_ns = [](unsigned) { return 5000; };
  Times engine_ns;  // none: the row is no peer's
  unsigned subject_differs_from = UINT_MAX;
  unsigned floor_differs_from = UINT_MAX;
  unsigned sequential_differs_from = UINT_MAX;
  unsigned engine_differs_from = UINT_MAX;
  unsigned allocations = 0;  // in each save of the subject
  const SaveReport* report = nullptr;
  // s, f, d, e: who saved; i: image_memory; S, F, D, E: who forgot
  std::shared_ptr<std::string> order = std::make_shared<std::string>();
};

class Fake : public bench::Implementation {
 public:
  Fake(const char* name, char letter, Script::Times times, unsigned differs_from, const Script& script)
      : name_(name),
        letter_(letter),
        times_(std::move(times)),
        differs_from_(differs_from),
        allocations_(letter == 's' ? script.allocations : 0),
        report_(letter == 's' ? script.report : nullptr),
        order_(script.order) {
    order_->reserve(100'000);  // a save allocates what the script says, and no more
  }

  const char* name() const noexcept override { return name_; }

  std::uint64_t save() override {
    *order_ += letter_;
    for (unsigned i = 0; i < allocations_; ++i) {
      void* volatile memory = std::malloc(10);
      std::free(memory);
    }
    return times_(saves_++);
  }

  std::uint64_t image_bytes() const override { return sizeof image_; }
  std::string difference() const override { return saves_ >= differs_from_ ? "packet 3 differs" : ""; }

  std::vector<std::span<const std::byte>> image_memory() const override {
    *order_ += 'i';
    return {image_};
  }

  void forget() override { *order_ += static_cast<char>(letter_ - 'a' + 'A'); }

  const SaveReport* report() const override { return report_; }

 private:
  const char* const name_;
  const char letter_;
  const Script::Times times_;
  const unsigned differs_from_;
  const unsigned allocations_;
  const SaveReport* const report_;
  const std::shared_ptr<std::string> order_;
  const std::array<std::byte, 4096> image_{};
  unsigned saves_ = 0;
};

inline bench::Contestants contestants(const Script& script) {
  const auto fake = [&](const char* name, char letter, const Script::Times& times, unsigned differs_from) {
    return std::make_unique<Fake>(name, letter, times, differs_from, script);
  };
  bench::Contestants contestants;
  contestants.subject = fake("subject", 's', script.subject_ns, script.subject_differs_from);
  contestants.floor = fake("floor", 'f', script.floor_ns, script.floor_differs_from);
  contestants.sequential = fake("sequential", 'd', script.sequential_ns, script.sequential_differs_from);
  if (script.engine_ns) contestants.engine = fake("engine", 'e', script.engine_ns, script.engine_differs_from);
  return contestants;
}

}  // namespace vmbsave::tests
