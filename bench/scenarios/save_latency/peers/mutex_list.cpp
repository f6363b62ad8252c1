#include <list>
#include <mutex>

#include "base/clock.hpp"
#include "kmcl/vm.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/image_memory.hpp"
#include "scenarios/save_latency/peers.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/save_latency/two_calls.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

class MutexList final : public Implementation {
 public:
  explicit MutexList(Rig& rig) : rig_(rig), image_(bytes_of_records(rig)) {
    for (std::uint32_t c = 0; c < rig.point().channels; ++c) {
      for (const VMBPACKET packet : rig.packets(c)) packets_.push_back({c, packet});
    }
  }

  const char* name() const noexcept override { return "mutex_list"; }

  std::uint64_t save() override {
    image_bytes_ = 0;
    const std::uint64_t start = base::now_ns();
    image_.map_if_given_back();
    const std::lock_guard lock(mutex_);
    const auto& channels = rig_.machine().vm(0).channels().channels();
    for (const auto& [channel, packet] : packets_) append(channels[channel]->config(), packet);
    return base::now_ns() - start;
  }

  std::uint64_t image_bytes() const override { return image_bytes_; }
  std::string difference() const override { return records_difference(rig_, image()); }
  std::vector<std::span<const std::byte>> image_memory() const override { return {image()}; }
  void forget() override {
    image_.give_back();
    image_bytes_ = 0;
  }

 private:
  struct InUse {
    std::uint32_t channel;
    VMBPACKET packet;
  };

  void append(const packet::ChannelConfig& channel, VMBPACKET packet) {
    const std::uint32_t size = size_state(channel, packet);
    const std::uint64_t bytes = image::record_bytes(0, size);
    if (bytes > image_.size() - image_bytes_) fail_packet(packet, STATUS_BUFFER_OVERFLOW);
    save_record(channel, packet, size, image_.data() + image_bytes_);
    image_bytes_ += bytes;
  }

  std::span<const std::byte> image() const { return {image_.data(), static_cast<std::size_t>(image_bytes_)}; }

  Rig& rig_;
  std::mutex mutex_;          // taken for the whole of a save, as by every acquire and complete
  std::list<InUse> packets_;  // in use, in order of arrival, channel by channel
  ImageMemory image_;
  std::uint64_t image_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Implementation> make_mutex_list(Rig& rig, const RunOptions&) {
  return std::make_unique<MutexList>(rig);
}

}  // namespace vmbsave::bench
