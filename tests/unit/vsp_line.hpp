// What the tests of the bench's VSPs share: a channel of the library with a guest at its other end, and images.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "vmbsave/guest.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::bench {

using Bytes = std::vector<std::uint8_t>;
using Image = std::vector<Bytes>;  // a buffer a SaveContinue

// Between SaveBegin and SaveEnd.
inline Image read_image(VMBCHANNEL channel) {
  Image image;
  NTSTATUS status;
  ULONG filled = 0;
  do {
    ULONG required = 0;
    VmbChannelSaveContinue(channel, nullptr, 0, &filled, &required);
    Bytes buffer(required);
    status = VmbChannelSaveContinue(channel, buffer.data(), required, &filled, &required);
    buffer.resize(filled);
    image.push_back(std::move(buffer));
  } while (status != STATUS_SUCCESS && filled != 0);
  EXPECT_EQ(status, STATUS_SUCCESS);
  return image;
}

inline Image save_image(VMBCHANNEL channel) {
  EXPECT_EQ(VmbChannelSaveBegin(channel), STATUS_SUCCESS);
  Image image = read_image(channel);
  VmbChannelSaveEnd(channel);
  return image;
}

inline NTSTATUS restore_image(VMBCHANNEL channel, Image image) {
  NTSTATUS status = STATUS_INVALID_PARAMETER;
  for (Bytes& buffer : image) {
    status = VmbChannelRestoreFromBuffer(channel, buffer.data(), static_cast<ULONG>(buffer.size()));
  }
  return status;
}

inline bool contains(const Image& image, const Bytes& state) {
  return std::any_of(image.begin(), image.end(), [&](const Bytes& buffer) {
    return std::search(buffer.begin(), buffer.end(), state.begin(), state.end()) != buffer.end();
  });
}

// A channel and the guest at its other end. What the VSP has in use is dropped when it goes.
class Line {
 public:
  // parent: as VmbChannelAllocate has it.
  explicit Line(const guest::Guest::Options& options = {}, PDEVICE_OBJECT parent = nullptr)
      : guest_(guest::Guest::create(options)) {
    EXPECT_NE(guest_, nullptr);
    EXPECT_EQ(VmbChannelAllocate(parent, 1, &channel_), STATUS_SUCCESS);
  }
  ~Line() {
    VmbChannelCleanup(channel_);
    guest_->detach();
  }
  Line(const Line&) = delete;

  VMBCHANNEL channel() const { return channel_; }
  guest::Guest& guest() { return *guest_; }

  void start() {
    EXPECT_EQ(guest_->open(channel_), STATUS_SUCCESS);
    VmbChannelStart(channel_);
  }

 private:
  std::unique_ptr<guest::Guest> guest_;
  VMBCHANNEL channel_ = nullptr;
};

// A channel whose SavePacket gives states of the test's choosing: an image from somebody who cannot be trusted.
class Forger {
 public:
  // Of packets of the guest's, and of packets that the VSP sent.
  explicit Forger(std::vector<Bytes> states, std::vector<Bytes> sent = {})
      : states_(std::move(states)), sent_(std::move(sent)) {
    const VMBCHANNEL channel = line_.channel();
    EXPECT_EQ(VmbChannelInitSetProcessPacketCallbacks(channel, process, nullptr), STATUS_SUCCESS);
    EXPECT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, save, restore), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetClientContextSize(channel, 1), STATUS_SUCCESS);
    VmbChannelSetPointer(channel, this);
    EXPECT_EQ(VmbChannelEnable(channel), STATUS_SUCCESS);
    line_.start();
  }

  // One packet a state, transaction ids from 1; those of packets that were sent likewise.
  Image image() {
    const std::byte bytes[64] = {};
    for (std::uint64_t id = 1; id <= states_.size(); ++id) EXPECT_TRUE(line_.guest().send(id, bytes, true));
    EXPECT_EQ(line_.guest().signal(), STATUS_SUCCESS);
    for (std::size_t i = 0; i < sent_.size(); ++i) send();
    return save_image(line_.channel());
  }

 private:
  void send() {
    std::uint64_t payload = 0;
    const VMBPACKET packet = VmbPacketAllocate(line_.channel());
    context_of(packet) = kSent;
    EXPECT_EQ(VmbPacketSend(packet, &payload, sizeof payload, nullptr, VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION),
              STATUS_SUCCESS);
  }

  static constexpr std::uint8_t kSent = 1;
  static std::uint8_t& context_of(VMBPACKET packet) {
    return *static_cast<std::uint8_t*>(VmbsPacketGetClientContext(packet));
  }

  static void process(VMBCHANNEL, VMBPACKETCOMPLETION packet, PVOID, UINT32, UINT32) { context_of(packet) = 0; }
  static NTSTATUS restore(VMBCHANNEL, PVOID, UINT32, PVOID, UINT32) { return STATUS_INVALID_PARAMETER; }
  static NTSTATUS save(VMBCHANNEL channel, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size,
                       PUINT32 bytes_needed) {
    const auto* self = static_cast<const Forger*>(VmbChannelGetPointer(channel));
    const std::vector<Bytes>& states = context_of(packet) == kSent ? self->sent_ : self->states_;
    const Bytes& state = states.at(VmbsPacketGetTransactionId(packet) - 1);
    *bytes_needed = static_cast<UINT32>(state.size());
    if (save_buf_size < state.size()) return STATUS_BUFFER_TOO_SMALL;
    if (!state.empty()) std::memcpy(save_buf, state.data(), state.size());
    return STATUS_SUCCESS;
  }

  const std::vector<Bytes> states_;
  const std::vector<Bytes> sent_;
  Line line_;
};

}  // namespace vmbsave::bench
