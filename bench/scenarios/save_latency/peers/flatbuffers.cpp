#include <flatbuffers/flatbuffers.h>

#include <limits>

#include "base/clock.hpp"
#include "flatbuffers_generated.h"
#include "kmcl/vm.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/peers.hpp"
#include "scenarios/save_latency/peers/decoded_record.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/save_latency/two_calls.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

class FlatBuffers final : public Implementation {
 public:
  explicit FlatBuffers(Rig& rig) : rig_(rig), builder_(1024) {}

  const char* name() const noexcept override { return "flatbuffers"; }

  // The builder's memory, and that of its lists, stays.
  std::uint64_t save() override {
    const std::uint64_t start = base::now_ns();
    builder_.Clear();
    channels_.clear();
    for (std::uint32_t c = 0; c < rig_.point().channels; ++c) add_channel(c);
    builder_.Finish(flat::CreateSavedState(builder_, builder_.CreateVector(channels_)));
    return base::now_ns() - start;
  }

  std::uint64_t image_bytes() const override { return builder_.GetSize(); }

  std::string difference() const override {
    if (image_bytes() == 0) return "nothing was saved";
    constexpr unsigned kDeep = 64;
    flatbuffers::Verifier verifier(builder_.GetBufferPointer(), builder_.GetSize(), kDeep,
                                   std::numeric_limits<flatbuffers::uoffset_t>::max());
    if (!flat::VerifySavedStateBuffer(verifier)) return "it cannot be decoded";
    const auto* const channels = flat::GetSavedState(builder_.GetBufferPointer())->channels();
    if (channels->size() != rig_.point().channels) return "another number of channels";
    std::vector<std::vector<std::byte>> records;
    for (const flat::Channel* const channel : *channels) {
      for (const flat::Packet* const packet : *channel->packets()) {
        records.push_back(decoded_record(*packet, bytes_of(packet->state())));
      }
    }
    return records_difference(rig_, {records.begin(), records.end()});
  }

  std::vector<std::span<const std::byte>> image_memory() const override {
    if (image_bytes() == 0) return {};
    return {std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()))};
  }

 private:
  static std::span<const std::byte> bytes_of(const flatbuffers::Vector<std::uint8_t>* state) {
    if (state == nullptr) return {};
    return std::as_bytes(std::span(state->data(), state->size()));
  }

  void add_channel(std::uint32_t number) {
    packets_.clear();
    const packet::ChannelConfig& config = rig_.machine().vm(0).channels().channels()[number]->config();
    for (const VMBPACKET packet : rig_.packets(number)) packets_.push_back(add_packet(config, packet));
    channels_.push_back(flat::CreateChannel(builder_, number, builder_.CreateVector(packets_)));
  }

  flatbuffers::Offset<flat::Packet> add_packet(const packet::ChannelConfig& config, VMBPACKET handle) {
    const packet::Packet& packet = *packet::from_handle(handle);
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> state;
    if (const std::uint32_t size = size_state(config, handle); size != 0) {
      std::uint8_t* bytes = nullptr;
      builder_.ForceVectorAlignment(size, 1, image::kRecordAlignment);
      state = builder_.CreateUninitializedVector(size, &bytes);
      // What was claimed cannot be made smaller, and no VSP here gives back.
      if (save_state(config, handle, bytes, size) != size) throw CheckFailed("flatbuffers: a state got smaller");
    }
    return flat::CreatePacket(builder_, packet.transaction_id, packet.sequence, packet.completion_requested, state);
  }

  Rig& rig_;
  flatbuffers::FlatBufferBuilder builder_;
  std::vector<flatbuffers::Offset<flat::Packet>> packets_;  // of a channel
  std::vector<flatbuffers::Offset<flat::Channel>> channels_;
};

}  // namespace

std::unique_ptr<Implementation> make_flatbuffers(Rig& rig, const RunOptions&) {
  return std::make_unique<FlatBuffers>(rig);
}

}  // namespace vmbsave::bench
