// netvsp on a channel of the library, with both ends of it in the test's hands: the guest and the network.
#pragma once

#include <cstring>
#include <span>

#include "netvsp_requests.hpp"
#include "vsp/guest_send.hpp"

namespace vmbsave::netvsp {

using bench::contains;
using bench::Forger;
using bench::Image;
using bench::Line;
using bench::read_image;
using bench::restore_image;
using bench::save_image;

// What the guest was told of a transmit.
struct Completion {
  std::uint64_t transaction_id;
  std::uint32_t type;
  std::uint32_t status;
};

struct Submission {
  VMBPACKET packet;
  std::uint64_t transaction_id;
};

// A packet of the VSP's, as it came.
struct Delivery {
  std::uint64_t transaction_id;
  bool completion_requested;
  Bytes bytes;
};

// A channel with netvsp on it, enabled, and a network that keeps every frame.
class Endpoint {
 public:
  explicit Endpoint(const Device& device, const guest::Guest::Options& options = {}, PDEVICE_OBJECT parent = nullptr)
      : device_(device), line_(options, parent), backend_{this, on_submit, device.get()} {
    EXPECT_EQ(vsp().configure(channel(), &backend_), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelEnable(channel()), STATUS_SUCCESS);
  }
  ~Endpoint() { vsp().release(channel()); }

  VMBCHANNEL channel() const { return line_.channel(); }
  guest::Guest& guest() { return line_.guest(); }
  void start() { line_.start(); }

  void send(const VMBS_VSP_REQUEST& request) { send(encoded(device_, request), request.record + 1); }
  void send(const VMBS_VSP_PACKET& packet, std::uint64_t transaction_id) {
    EXPECT_TRUE(bench::send(guest(), transaction_id, packet));
    EXPECT_EQ(guest().signal(), STATUS_SUCCESS);
  }

  // The VSP sends it; as the guest saw it.
  VMBS_VSP_REQUEST deliver(VMBS_VSP_REQUEST request) {
    EXPECT_EQ(vsp().deliver(channel(), &request), STATUS_SUCCESS);
    take();
    if (delivered.empty()) {
      ADD_FAILURE() << "nothing came";
      return request;
    }
    const Delivery& last = delivered.back();
    EXPECT_EQ(vsp().accept(device_.get(), last.bytes.data(), static_cast<UINT32>(last.bytes.size()), &request),
              STATUS_SUCCESS);
    request.transaction_id = last.transaction_id;
    return request;
  }

  void answer(std::uint64_t transaction_id) {
    UINT8 bytes[VMBS_VSP_MAX_INLINE];
    const UINT32 length = vsp().answer(bytes);
    answer(transaction_id, std::as_bytes(std::span(bytes, length)));
  }
  void answer(std::uint64_t transaction_id, std::span<const std::byte> bytes) {
    EXPECT_TRUE(guest().complete(transaction_id, bytes));
    EXPECT_EQ(guest().signal(), STATUS_SUCCESS);
  }

  const std::vector<Completion>& completed() {
    take();
    return completed_;
  }

  // Packets of the VSP's that await the guest.
  std::uint32_t outgoing() const { return statistics().OutgoingInUse; }
  std::uint32_t incoming() const { return statistics().IncomingInUse; }
  VMBS_CHANNEL_STATISTICS statistics() const {
    VMBS_CHANNEL_STATISTICS found{};
    found.Size = sizeof found;
    EXPECT_EQ(VmbsChannelGetStatistics(channel(), &found), STATUS_SUCCESS);
    return found;
  }

  std::vector<Submission> submitted;
  std::vector<Delivery> delivered;

 private:
  static void on_submit(void* self, VMBPACKET packet, UINT64 transaction_id) {
    static_cast<Endpoint*>(self)->submitted.push_back({packet, transaction_id});
  }

  void take() {
    while (const auto received = guest().receive()) {
      const auto* const bytes = reinterpret_cast<const std::uint8_t*>(received->payload.data());
      if (received->kind == guest::Received::Kind::kData) {
        delivered.push_back(
            {received->transaction_id, received->completion_requested, Bytes(bytes, bytes + received->payload.size())});
        continue;
      }
      EXPECT_EQ(received->payload.size(), 40u);
      Completion& completion = completed_.emplace_back(Completion{received->transaction_id, 0, 0});
      std::memcpy(&completion.type, bytes, 4);
      std::memcpy(&completion.status, bytes + 4, 4);
      EXPECT_EQ(completion.type, 108u);
    }
    EXPECT_FALSE(guest().malformed());
  }

  const Device& device_;
  Line line_;
  VMBS_VSP_BACKEND backend_;
  std::vector<Completion> completed_;
};

class RunningEndpoint : public Endpoint {
 public:
  explicit RunningEndpoint(const Device& device, const guest::Guest::Options& options = {},
                           PDEVICE_OBJECT parent = nullptr)
      : Endpoint(device, options, parent) {
    start();
  }
};

}  // namespace vmbsave::netvsp
