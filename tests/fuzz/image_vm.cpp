#include "fuzz/image_vm.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/bytes.hpp"
#include "image/format.hpp"

namespace vmbsave::fuzz {
namespace {

constexpr packet::ChannelConfig kConfigs[ImageVm::kMostChannels] = {
    {.capacity = 16, .sends = 4, .result_bytes = 64},
    {.capacity = 100, .sends = 2, .result_bytes = 128},
    {.capacity = 4, .sends = 1, .result_bytes = 64, .abandon_on_restore = true},
};

// FNV-1a: reads every byte, so that a sanitizer sees where they end.
std::uint64_t mixed(std::uint64_t hash, Input bytes) noexcept {
  for (const std::byte byte : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3u;
  return hash;
}

Status returned(Mood mood) noexcept {
  if (mood == Mood::kReturnsPending) return Status::kPending;
  return mood == Mood::kForgetsToAdopt ? Status::kSuccess : Status::kUnsuccessful;
}

bool adopts(Mood mood) noexcept {
  return mood != Mood::kFails && mood != Mood::kForgetsToAdopt && mood != Mood::kReturnsPending;
}

}  // namespace

ImageChannel::ImageChannel(packet::Vm& vm, packet::ChannelConfig config) : vm_(vm) {
  config.handle = reinterpret_cast<VMBCHANNEL__*>(this);
  config.save_packet = on_save;
  config.restore_packet = on_restore;
  config.context_bytes = sizeof(State);
  channel_ = std::make_unique<packet::Channel>(vm.control(), config);
  require(channel_->reserve() && vm.attach(*channel_) == Status::kSuccess, "a channel is made");
}

ImageChannel::~ImageChannel() { require(vm_.detach(*channel_) == Status::kSuccess, "a channel goes"); }

void ImageChannel::receive(std::uint64_t id, Input state) {
  const auto [status, packet] = channel_->claim();
  require(status == packet::ClaimStatus::kClaimed, "an empty channel has room");
  packet->transaction_id = id;
  packet->completion_requested = true;
  channel_->publish(*packet);
  keep_state(*packet, state);
  channel_->indicated();
}

void ImageChannel::send(Input payload, bool queued, Input state) {
  packet::Packet* const packet = channel_->allocate();
  require(packet != nullptr && channel_->claim_send(*packet) == packet::ClaimStatus::kClaimed, "there is room to send");
  packet->queued = queued;
  packet->completion_requested = !queued;
  packet->data_bytes = static_cast<std::uint32_t>(payload.size());
  std::copy(payload.begin(), payload.end(), packet->payload(sizeof(State)));
  keep_state(*packet, state);
  channel_->publish_send(*packet);
}

void ImageChannel::clear() noexcept {
  channel_->drop_all();
  states_.clear();
  restored.clear();
  ran_out_of_memory = false;
}

void ImageChannel::keep_state(packet::Packet& packet, Input state) {
  const State kept{static_cast<std::uint32_t>(states_.size()), static_cast<std::uint32_t>(state.size())};
  states_.insert(states_.end(), state.begin(), state.end());
  std::memcpy(packet.context(), &kept, sizeof kept);
}

std::int32_t ImageChannel::on_save(VMBCHANNEL__* handle, VMBPACKET__* packet, void* buf, std::uint32_t size,
                                   std::uint32_t* needed) {
  const auto& self = *reinterpret_cast<const ImageChannel*>(handle);
  State state;
  std::memcpy(&state, packet::from_handle(packet)->context(), sizeof state);
  if (state.bytes == 0) return 0;
  *needed = state.bytes;
  if (size < state.bytes) return static_cast<std::int32_t>(Status::kBufferTooSmall);
  std::memcpy(buf, self.states_.data() + state.first, state.bytes);
  return 0;
}

std::int32_t ImageChannel::on_restore(VMBCHANNEL__* handle, void* lib_buf, std::uint32_t lib_size, void* save_buf,
                                      std::uint32_t save_size) {
  require(lib_buf != nullptr && save_buf != nullptr, "RestorePacket gets pointers");
  require(base::is_aligned(lib_buf, 16) && base::is_aligned(save_buf, 16), "RestorePacket gets aligned bytes");
  auto& self = *reinterpret_cast<ImageChannel*>(handle);
  return self.adopt({static_cast<const std::byte*>(lib_buf), lib_size},
                    {static_cast<const std::byte*>(save_buf), save_size});
}

// A packet of the VSP's, put in use, unless the state says that this VSP is a bad one.
std::int32_t ImageChannel::adopt(Input lib_buf, Input save_buf) {
  image::LibBuf lib;
  require(lib_buf.size() >= sizeof lib, "a LibBuf is whole");
  std::memcpy(&lib, lib_buf.data(), sizeof lib);
  const Mood mood = save_buf.empty() ? Mood{} : static_cast<Mood>(save_buf.front());
  ran_out_of_memory |= mood == Mood::kRunsOutOfMemory;
  if (mood == Mood::kRunsOutOfMemory) throw std::bad_alloc();
  if (mood == Mood::kThrows) throw 1;
  if (!adopts(mood)) return static_cast<std::int32_t>(returned(mood));

  packet::Packet* const packet = channel_->allocate();
  require(packet != nullptr, "a packet can be allocated");
  keep_state(*packet, save_buf);
  std::vector<std::byte> own(lib_buf.begin(), lib_buf.end());
  if (mood == Mood::kAdoptsAnotherLibBuf) own.front() ^= std::byte{1};
  const Status status = channel_->restore_target->restore_packet(*packet, own);
  if (mood == Mood::kAdoptsTwice) {
    require(channel_->restore_target->restore_packet(*packet, own) != Status::kSuccess, "no packet is adopted twice");
  }
  if (status != Status::kSuccess) {
    channel_->free(*packet);
    return mood == Mood::kAdoptsAnotherLibBuf ? 0 : static_cast<std::int32_t>(status);
  }
  lib.record_bytes = 0;  // padding behind a record is the writer's affair, and so is
  lib.reserved = 0;      // what no reader looks at
  const std::uint64_t hash =
      mixed(mixed(0xcbf29ce484222325u, std::as_bytes(std::span(&lib, 1))), lib_buf.subspan(sizeof lib));
  restored.push_back(mixed(hash, save_buf));
  return mood == Mood::kFailsAfterAdopting ? static_cast<std::int32_t>(Status::kUnsuccessful) : 0;
}

ImageVm::ImageVm(unsigned channels) {
  for (unsigned c = 0; c < channels; ++c) channels_.push_back(std::make_unique<ImageChannel>(vm, kConfigs[c]));
}

bool ImageVm::is_empty() const noexcept {
  return std::all_of(channels_.begin(), channels_.end(), [](const auto& channel) { return channel->is_empty(); });
}

bool ImageVm::ran_out_of_memory() const noexcept {
  return std::any_of(channels_.begin(), channels_.end(),
                     [](const auto& channel) { return channel->ran_out_of_memory; });
}

std::uint64_t ImageVm::most_numbers() const noexcept {
  std::uint64_t most = 0;
  for (const auto& channel : channels_) most = std::max({most, (*channel)->next_sequence(), (*channel)->next_send()});
  return most;
}

void ImageVm::clear() noexcept {
  for (const auto& channel : channels_) channel->clear();
}

std::vector<std::vector<std::uint64_t>> ImageVm::restored() const {
  std::vector<std::vector<std::uint64_t>> all;
  for (const auto& channel : channels_) all.push_back(channel->restored);
  return all;
}

std::vector<std::byte> ImageVm::save_and_discard() {
  require(session.begin({}) == Status::kSuccess && session.save() == Status::kSuccess, "what is in use can be saved");
  std::vector<std::byte> bytes(session.image().bytes());
  session.image().copy_to(bytes.data());
  session.end(EndMode::kDiscard);
  require(is_empty(), "a discarded save leaves nothing");
  clear();
  return bytes;
}

}  // namespace vmbsave::fuzz
