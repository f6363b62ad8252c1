// An image in memory: checked, and restored into channels that were just enabled, as those of a destination are, or
// that were told early what is coming.
#include <cstring>

#include "base/clock.hpp"
#include "kmcl/vm.hpp"
#include "restore/image_restore.hpp"
#include "scenarios/image_transfer/transfer.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "scenarios/vm/restore_text.hpp"

namespace vmbsave::bench {
namespace {

class RestoreTransfer final : public Transfer {
 public:
  RestoreTransfer(Journey journey, Rig& rig, Executor* executor)
      : journey_(journey), rig_(rig), executor_(executor), image_(saved_image(rig, executor)), copy_(image_.size()) {}

  void make_ready() override {
    if (journey_ == Journey::kVerify) return;
    destination_.reset();
    destination_ = make_destination(rig_);
    if (journey_ != Journey::kPrepared) return;
    for (std::uint32_t c = 0; c < rig_.point().channels; ++c) {
      const NTSTATUS status = VmbsChannelPrepareRestore(destination_->channels()[c], packets_on(rig_.point(), c));
      if (!NT_SUCCESS(status)) throw CheckFailed("VmbsChannelPrepareRestore failed");
    }
  }

  TransferTimes run() override {
    if (journey_ == Journey::kVerify) {
      const RestoreReport report = restore::check_image(image_, {.executor = executor_});
      if (report.status != Status::kSuccess) throw CheckFailed("verify: " + describe(report));
      return {.ns = report.restore_ns, .blackout_ns = 0, .parts = {}};
    }
    const RestoreReport report = destination_->restore(0, image_, executor_);
    return {.ns = report.restore_ns,
            .blackout_ns = 0,
            .parts = {{"check", report.check_ns}, {"callbacks", report.restore_ns - report.check_ns}}};
  }

  std::uint64_t copy() override {
    const std::uint64_t start = base::now_ns();
    std::memcpy(copy_.data(), image_.data(), image_.size());
    return base::now_ns() - start;
  }

  std::uint64_t image_bytes() const override { return image_.size(); }

  void check() override {
    if (journey_ == Journey::kVerify) return;  // it is a check
    expect_restored(rig_, *destination_);
  }

 private:
  const Journey journey_;
  Rig& rig_;
  Executor* const executor_;
  const std::vector<std::byte> image_;
  std::vector<std::byte> copy_;
  std::unique_ptr<Machine> destination_;
};

}  // namespace

std::unique_ptr<Transfer> make_restore_transfer(Journey journey, Rig& rig, Executor* executor) {
  return std::make_unique<RestoreTransfer>(journey, rig, executor);
}

}  // namespace vmbsave::bench
