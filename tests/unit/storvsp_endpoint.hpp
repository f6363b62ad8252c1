// storvsp on a channel of the library, with both ends of it in the test's hands: the guest and the backing store.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "storvsp_requests.hpp"
#include "vmbsave/guest.hpp"
#include "vsp/guest_send.hpp"
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

// A channel and the guest at its other end. What the VSP has in use is dropped when it goes.
class Line {
 public:
  explicit Line(const guest::Guest::Options& options = {}) : guest_(guest::Guest::create(options)) {
    EXPECT_NE(guest_, nullptr);
    EXPECT_EQ(VmbChannelAllocate(nullptr, 1, &channel_), STATUS_SUCCESS);
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

struct Completion {
  std::uint64_t transaction_id;
  VstorPacket packet;
};

struct Submission {
  VMBPACKET packet;
  std::uint64_t transaction_id;
};

// A channel with storvsp on it, enabled, and a backend that keeps every request.
class Endpoint {
 public:
  explicit Endpoint(const guest::Guest::Options& options = {}) : line_(options) {
    EXPECT_EQ(vsp().configure(channel(), &backend_), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelEnable(channel()), STATUS_SUCCESS);
  }
  ~Endpoint() { vsp().release(channel()); }

  VMBCHANNEL channel() const { return line_.channel(); }
  guest::Guest& guest() { return line_.guest(); }
  void start() { line_.start(); }

  void send(const VMBS_VSP_REQUEST& request) { send(encoded(request), request.record + 1); }
  void send(const VMBS_VSP_PACKET& packet, std::uint64_t transaction_id) {
    EXPECT_TRUE(bench::send(guest(), transaction_id, packet));
    EXPECT_EQ(guest().signal(), STATUS_SUCCESS);
  }

  // All that the guest has received.
  const std::vector<Completion>& completed() {
    while (const auto received = guest().receive()) {
      EXPECT_EQ(received->kind, guest::Received::Kind::kCompletion);
      Completion& completion = completed_.emplace_back(Completion{received->transaction_id, {}});
      EXPECT_EQ(received->payload.size(), sizeof(completion.packet));
      std::memcpy(&completion.packet, received->payload.data(),
                  std::min(received->payload.size(), sizeof(completion.packet)));
    }
    EXPECT_FALSE(guest().malformed());
    return completed_;
  }

  std::vector<Submission> submitted;

 private:
  static void on_submit(void* self, VMBPACKET packet, UINT64 transaction_id) {
    static_cast<Endpoint*>(self)->submitted.push_back({packet, transaction_id});
  }

  Line line_;
  VMBS_VSP_BACKEND backend_{this, on_submit};
  std::vector<Completion> completed_;
};

class RunningEndpoint : public Endpoint {
 public:
  explicit RunningEndpoint(const guest::Guest::Options& options = {}) : Endpoint(options) { start(); }
};

// A channel whose SavePacket gives states of the test's choosing: an image from somebody who cannot be trusted.
class Forger {
 public:
  explicit Forger(std::vector<Bytes> states) : states_(std::move(states)) {
    const VMBCHANNEL channel = line_.channel();
    EXPECT_EQ(VmbChannelInitSetProcessPacketCallbacks(channel, process, nullptr), STATUS_SUCCESS);
    EXPECT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, save, restore), STATUS_SUCCESS);
    VmbChannelSetPointer(channel, this);
    EXPECT_EQ(VmbChannelEnable(channel), STATUS_SUCCESS);
    line_.start();
  }

  // One packet a state, transaction ids from 1.
  Image image() {
    const std::byte bytes[64] = {};
    for (std::uint64_t id = 1; id <= states_.size(); ++id) EXPECT_TRUE(line_.guest().send(id, bytes, true));
    EXPECT_EQ(line_.guest().signal(), STATUS_SUCCESS);
    return save_image(line_.channel());
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
  Line line_;
};

}  // namespace vmbsave::storvsp
