// storvsp on a channel of the library, with both ends of it in the test's hands.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "storvsp_requests.hpp"
#include "vmbsave/kmcl_ext.h"
#include "vsp/storvsp/wire.hpp"

namespace vmbsave::storvsp {

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

struct Completion {
  std::uint64_t transaction_id;
  VstorPacket packet;
};

struct Submission {
  VMBPACKET packet;
  std::uint64_t transaction_id;
};

// A channel with storvsp on it, a backend that keeps every request, and the guest at the other end.
class Endpoint {
 public:
  Endpoint() {
    EXPECT_EQ(VmbChannelAllocate(nullptr, 1, &channel_), STATUS_SUCCESS);
    EXPECT_EQ(vsp().configure(channel_, &backend_), STATUS_SUCCESS);
    EXPECT_EQ(VmbsChannelInitSetCompletionSink(channel_, on_completion, this), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelEnable(channel_), STATUS_SUCCESS);
  }
  ~Endpoint() {
    VmbChannelDisable(channel_);
    vsp().release(channel_);
    VmbChannelCleanup(channel_);
  }
  Endpoint(const Endpoint&) = delete;

  VMBCHANNEL channel() const { return channel_; }

  void send(const VMBS_VSP_REQUEST& request) { send(encoded(request), request.record + 1); }
  void send(const VMBS_VSP_PACKET& packet, std::uint64_t transaction_id) {
    VMBS_VSP_PACKET& sent = sent_.emplace_back(packet);  // stays where it is until the completion
    const VMBS_INCOMING_PACKET incoming{transaction_id, sent.bytes, sent.length, 1,
                                        sent.has_external_data != 0 ? &sent.mdl : nullptr};
    EXPECT_EQ(VmbsChannelReceivePacket(channel_, &incoming), STATUS_SUCCESS);
  }

  std::vector<Submission> submitted;
  std::vector<Completion> completed;

 private:
  static void on_submit(void* self, VMBPACKET packet, UINT64 transaction_id) {
    static_cast<Endpoint*>(self)->submitted.push_back({packet, transaction_id});
  }

  static void on_completion(void* self, UINT64 transaction_id, const void* buffer, UINT32 length) {
    Completion completion{transaction_id, {}};
    ASSERT_EQ(length, sizeof(completion.packet));
    std::memcpy(&completion.packet, buffer, length);
    static_cast<Endpoint*>(self)->completed.push_back(completion);
  }

  VMBS_VSP_BACKEND backend_{this, on_submit};
  VMBCHANNEL channel_ = nullptr;
  std::deque<VMBS_VSP_PACKET> sent_;
};

class RunningEndpoint : public Endpoint {
 public:
  RunningEndpoint() { VmbChannelStart(channel()); }
};

// A channel whose SavePacket gives states of the test's choosing: an image from somebody who cannot be trusted.
class Forger {
 public:
  explicit Forger(std::vector<Bytes> states) : states_(std::move(states)) {
    EXPECT_EQ(VmbChannelAllocate(nullptr, 1, &channel_), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetProcessPacketCallbacks(channel_, process, nullptr), STATUS_SUCCESS);
    EXPECT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(channel_, save, restore), STATUS_SUCCESS);
    VmbChannelSetPointer(channel_, this);
    EXPECT_EQ(VmbChannelEnable(channel_), STATUS_SUCCESS);
    VmbChannelStart(channel_);
  }
  ~Forger() {
    VmbChannelDisable(channel_);
    VmbChannelCleanup(channel_);
  }
  Forger(const Forger&) = delete;

  // One packet a state, transaction ids from 1.
  Image image() {
    for (std::uint64_t id = 1; id <= states_.size(); ++id) {
      std::uint8_t bytes[64] = {};
      const VMBS_INCOMING_PACKET incoming{id, bytes, sizeof(bytes), 1, nullptr};
      EXPECT_EQ(VmbsChannelReceivePacket(channel_, &incoming), STATUS_SUCCESS);
    }
    return save_image(channel_);
  }

 private:
  static void process(VMBCHANNEL, VMBPACKETCOMPLETION, PVOID, UINT32, UINT32) {}
  static NTSTATUS restore(VMBCHANNEL, PVOID, UINT32, PVOID, UINT32) { return STATUS_INVALID_PARAMETER; }
  static NTSTATUS save(VMBCHANNEL channel, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size,
                       PUINT32 bytes_needed) {
    const auto* self = static_cast<const Forger*>(VmbChannelGetPointer(channel));
    const Bytes& state = self->states_.at(VmbsPacketGetTransactionId(packet) - 1);
    *bytes_needed = static_cast<UINT32>(state.size());
    if (save_buf_size < state.size()) return STATUS_BUFFER_TOO_SMALL;
    if (!state.empty()) std::memcpy(save_buf, state.data(), state.size());
    return STATUS_SUCCESS;
  }

  const std::vector<Bytes> states_;
  VMBCHANNEL channel_ = nullptr;
};

}  // namespace vmbsave::storvsp
