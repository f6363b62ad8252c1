// The engine through C++: a session's begin and save.
#include <optional>

#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

class Engine final : public Implementation {
 public:
  Engine(Rig& rig, const RunOptions& options)
      : rig_(rig), options_{.executor = options.executor, .checksum = options.checksum, .plan = options.plan} {}

  const char* name() const noexcept override { return "engine"; }

  std::uint64_t save() override {
    saved_.reset();
    saved_.emplace(rig_.machine().save(0, options_));
    return saved_->save_ns;
  }

  std::uint64_t image_bytes() const override { return saved_ ? saved_->image.bytes() : 0; }

  std::string difference() const override {
    return saved_ ? image_difference(rig_, saved_->image, options_.checksum) : "nothing was saved";
  }

  std::vector<std::span<const std::byte>> image_memory() const override {
    std::vector<std::span<const std::byte>> pieces;
    if (saved_) saved_->image.for_each_piece([&](std::span<const std::byte> piece) { pieces.push_back(piece); });
    return pieces;
  }

  void forget() override {
    saved_.reset();
    rig_.machine().forget_saves(0);
  }

  const SaveReport* report() const noexcept override { return saved_ ? &saved_->report : nullptr; }

 private:
  Rig& rig_;
  const SaveOptions options_;
  std::optional<SavedDomain> saved_;
};

}  // namespace

std::unique_ptr<Implementation> make_engine(Rig& rig, const RunOptions& options) {
  return std::make_unique<Engine>(rig, options);
}

}  // namespace vmbsave::bench
