// image_vm.hpp: a small VM that images are restored into, and a VSP that adopts their packets. It lives as long as the
// program: what a restore leaves behind would show in a later one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "fuzz/target.hpp"
#include "packet/vm.hpp"
#include "save/session.hpp"

namespace vmbsave::fuzz {

// What a RestorePacket gets wrong on purpose, if the first byte of SaveBuf is one of these.
enum class Mood : std::uint8_t {
  kFails = 0xE0,
  kForgetsToAdopt,
  kAdoptsTwice,
  kAdoptsAnotherLibBuf,
  kRunsOutOfMemory,
  kThrows,
  kFailsAfterAdopting,
  kReturnsPending,
};

class ImageChannel {
 public:
  ImageChannel(packet::Vm& vm, packet::ChannelConfig config);
  ~ImageChannel();
  ImageChannel(const ImageChannel&) = delete;

  packet::Channel& operator*() noexcept { return *channel_; }
  packet::Channel* operator->() noexcept { return channel_.get(); }

  // A packet of the guest's comes in. A stateless one: no bytes.
  void receive(std::uint64_t id, Input state);
  // The VSP sends one: still queued with its payload, or in the ring and waiting for the guest's completion.
  void send(Input payload, bool queued, Input state);

  bool is_empty() const noexcept { return channel_->table().count_used() == 0 && channel_->allocated() == 0; }
  void clear() noexcept;

  // What RestorePacket was given since clear(), in order, each as one number: what LibBuf says, SaveBuf.
  std::vector<std::uint64_t> restored;
  bool ran_out_of_memory = false;

 private:
  struct State {
    std::uint32_t first;
    std::uint32_t bytes;
  };
  static std::int32_t on_save(VMBCHANNEL__* handle, VMBPACKET__* packet, void* buf, std::uint32_t size,
                              std::uint32_t* needed);
  static std::int32_t on_restore(VMBCHANNEL__* handle, void* lib_buf, std::uint32_t lib_size, void* save_buf,
                                 std::uint32_t save_size);
  std::int32_t adopt(Input lib_buf, Input save_buf);
  void keep_state(packet::Packet& packet, Input state);

  packet::Vm& vm_;
  std::unique_ptr<packet::Channel> channel_;
  std::vector<std::byte> states_;  // of all packets in use
};

// One channel: sends too. Two: one with room for several blocks. Three: the last abandons what is restored.
class ImageVm {
 public:
  static constexpr unsigned kMostChannels = 3;
  explicit ImageVm(unsigned channels);

  ImageChannel& operator[](std::size_t i) noexcept { return *channels_[i]; }
  std::size_t size() const noexcept { return channels_.size(); }
  bool is_empty() const noexcept;
  bool ran_out_of_memory() const noexcept;
  std::uint64_t most_numbers() const noexcept;  // the highest that a channel gives next
  void clear() noexcept;
  std::vector<std::vector<std::uint64_t>> restored() const;

  // Saves what is in use. The channels are left empty.
  std::vector<std::byte> save_and_discard();

  packet::Vm vm;
  save::SaveSession session{vm};

 private:
  std::vector<std::unique_ptr<ImageChannel>> channels_;
};

}  // namespace vmbsave::fuzz
