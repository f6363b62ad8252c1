// The engine through kmcl.h: begin on every channel, then each channel's stream into the caller's buffer.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/clock.hpp"
#include "kmcl/vm.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/image_memory.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

// More than one SaveContinue can be given: sizes are 32-bit. A multiple of 64, so that streams stay aligned.
constexpr std::uint64_t kMostAtOnce = 0xFFFFFFC0u;

void require(NTSTATUS status, const char* what, std::size_t channel) {
  if (NT_SUCCESS(status)) return;
  throw CheckFailed(fmt::format("{} of channel {} failed: {} (0x{:08X})", what, channel,
                                status_name(static_cast<Status>(status)), static_cast<std::uint32_t>(status)));
}

VMBS_SAVE_OPTIONS save_options(const RunOptions& run) {
  VMBS_SAVE_OPTIONS options;
  VMBS_SAVE_OPTIONS_INIT(&options);
  options.Checksum = run.checksum ? 1 : 0;
  // An executor of the library's own, of the kind that the run's is.
  options.Executor = run.executor == nullptr ? VMBS_EXECUTOR_SERIAL : VMBS_EXECUTOR_AUTO;
  options.Threads = run.executor == nullptr ? 1 : run.executor->concurrency();
  options.Plan = static_cast<UINT8>(run.plan);
  return options;
}

// SaveBegin of every channel, and SaveEnd of every one in the end, whatever came between.
class OpenSave {
 public:
  explicit OpenSave(std::span<const VMBCHANNEL> channels) : channels_(channels) {}
  ~OpenSave() {
    for (const VMBCHANNEL channel : channels_) VmbChannelSaveEnd(channel);
  }
  OpenSave(const OpenSave&) = delete;

  void begin() {
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      require(VmbChannelSaveBegin(channels_[c]), "VmbChannelSaveBegin", c);
    }
  }

 private:
  const std::span<const VMBCHANNEL> channels_;
};

class CFace final : public Implementation {
 public:
  CFace(Rig& rig, const RunOptions& options)
      : rig_(rig), channels_(rig.machine().channels()), checksum_(options.checksum) {
    const VMBS_SAVE_OPTIONS save_options = bench::save_options(options);
    require(VmbsChannelSetSaveOptions(channels_[0], &save_options), "VmbsChannelSetSaveOptions", 0);
    buffer_.emplace(bytes_of_a_save());
  }

  const char* name() const noexcept override { return "c_face"; }

  std::uint64_t save() override {
    OpenSave open(channels_);
    image_bytes_ = 0;
    const std::uint64_t start = base::now_ns();
    buffer_->map_if_given_back();
    open.begin();
    for (std::size_t c = 0; c < channels_.size(); ++c) take_stream(c);
    const std::uint64_t end = base::now_ns();
    copied_ = rig_.machine().vm(0).session().complete();
    return end - start;
  }

  std::uint64_t image_bytes() const override { return image_bytes_; }

  std::string difference() const override { return streams_difference(rig_, image(), checksum_); }

  // What the caller got, and, if that is a copy, what it is a copy of.
  std::vector<std::span<const std::byte>> image_memory() const override {
    std::vector<std::span<const std::byte>> pieces{image()};
    if (!copied_) return pieces;
    rig_.machine().vm(0).session().image().for_each_piece(
        [&](std::span<const std::byte> piece) { pieces.push_back(piece); });
    return pieces;
  }

  void forget() override {
    buffer_->give_back();
    image_bytes_ = 0;
    copied_ = false;
    rig_.machine().forget_saves(0);
  }

  const SaveReport* report() const override { return &rig_.machine().vm(0).report(); }

 private:
  // A save that is not timed says how much there is.
  std::uint64_t bytes_of_a_save() {
    OpenSave open(channels_);
    open.begin();
    ULONG filled = 0;
    ULONG required = 0;
    const NTSTATUS status = VmbChannelSaveContinue(channels_[0], nullptr, 0, &filled, &required);
    if (status != STATUS_BUFFER_TOO_SMALL) require(status, "VmbChannelSaveContinue", 0);
    VMBS_SAVE_STATISTICS statistics{};
    statistics.Size = sizeof statistics;
    require(VmbsChannelGetSaveStatistics(channels_[0], &statistics), "VmbsChannelGetSaveStatistics", 0);
    return statistics.ImageBytes;
  }

  void take_stream(std::size_t channel) {
    NTSTATUS status;
    do {
      const auto room = static_cast<ULONG>(std::min<std::uint64_t>(buffer_->size() - image_bytes_, kMostAtOnce));
      ULONG filled = 0;
      ULONG required = 0;
      status = VmbChannelSaveContinue(channels_[channel], buffer_->data() + image_bytes_, room, &filled, &required);
      image_bytes_ += filled;
    } while (status == STATUS_BUFFER_OVERFLOW);
    require(status, "VmbChannelSaveContinue", channel);
  }

  std::span<const std::byte> image() const { return {buffer_->data(), static_cast<std::size_t>(image_bytes_)}; }

  Rig& rig_;
  const std::span<const VMBCHANNEL> channels_;
  const bool checksum_;
  std::optional<ImageMemory> buffer_;  // page-aligned, and every stream a multiple of 64 bytes long
  std::uint64_t image_bytes_ = 0;
  bool copied_ = false;  // out of the engine's own memory
};

}  // namespace

std::unique_ptr<Implementation> make_c_face(Rig& rig, const RunOptions& options) {
  return std::make_unique<CFace>(rig, options);
}

}  // namespace vmbsave::bench
