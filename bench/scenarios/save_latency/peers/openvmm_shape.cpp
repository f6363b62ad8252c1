#include "base/clock.hpp"
#include "kmcl/vm.hpp"
#include "openvmm_shape.pb.h"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/image_memory.hpp"
#include "scenarios/save_latency/peers.hpp"
#include "scenarios/save_latency/peers/decoded_record.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/save_latency/two_calls.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

class OpenvmmShape final : public Implementation {
 public:
  // An encoded packet is smaller than its record and this.
  explicit OpenvmmShape(Rig& rig)
      : rig_(rig), image_(bytes_of_records(rig) + 32 * std::uint64_t{rig.point().packets}) {}

  const char* name() const noexcept override { return "openvmm_shape"; }

  // Each save has a tree of its own; that it goes is not timed.
  std::uint64_t save() override {
    openvmm::SavedState tree;
    const std::uint64_t start = base::now_ns();
    image_.map_if_given_back();
    for (std::uint32_t c = 0; c < rig_.point().channels; ++c) add_channel(*tree.add_channels(), c);
    encode(tree);
    const std::uint64_t end = base::now_ns();
    return end - start;
  }

  std::uint64_t image_bytes() const override { return image_bytes_; }

  std::string difference() const override {
    openvmm::SavedState tree;
    if (!tree.ParseFromArray(image_.data(), static_cast<int>(image_bytes_))) return "it cannot be decoded";
    if (static_cast<std::uint32_t>(tree.channels_size()) != rig_.point().channels) return "another number of channels";
    std::vector<std::vector<std::byte>> records;
    for (const openvmm::Channel& channel : tree.channels()) {
      for (const openvmm::Packet& packet : channel.packets()) {
        records.push_back(decoded_record(packet, std::as_bytes(std::span(packet.state()))));
      }
    }
    return records_difference(rig_, {records.begin(), records.end()});
  }

  std::vector<std::span<const std::byte>> image_memory() const override {
    return {{image_.data(), static_cast<std::size_t>(image_bytes_)}};
  }

  void forget() override {
    image_.give_back();
    image_bytes_ = 0;
  }

 private:
  void add_channel(openvmm::Channel& channel, std::uint32_t number) {
    channel.set_number(number);
    const packet::ChannelConfig& config = rig_.machine().vm(0).channels().channels()[number]->config();
    for (const VMBPACKET packet : rig_.packets(number)) add_packet(*channel.add_packets(), config, packet);
  }

  static void add_packet(openvmm::Packet& to, const packet::ChannelConfig& config, VMBPACKET handle) {
    const packet::Packet& packet = *packet::from_handle(handle);
    to.set_transaction_id(packet.transaction_id);
    to.set_sequence(packet.sequence);
    to.set_completion_requested(packet.completion_requested);
    const std::uint32_t size = size_state(config, handle);
    if (size == 0) return;
    std::string& state = *to.mutable_state();
    state.resize(size);
    state.resize(save_state(config, handle, state.data(), size));
  }

  // Sizes first, which the messages keep, and then the bytes.
  void encode(const openvmm::SavedState& tree) {
    image_bytes_ = tree.ByteSizeLong();
    if (image_bytes_ > image_.size()) throw CheckFailed("openvmm_shape: its image is larger than was thought");
    tree.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(image_.data()));
  }

  Rig& rig_;
  ImageMemory image_;
  std::uint64_t image_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Implementation> make_openvmm_shape(Rig& rig, const RunOptions&) {
  return std::make_unique<OpenvmmShape>(rig);
}

}  // namespace vmbsave::bench
