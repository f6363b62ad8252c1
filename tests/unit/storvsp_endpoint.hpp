// storvsp on a channel of the library, with both ends of it in the test's hands: the guest and the backing store.
#pragma once

#include <algorithm>
#include <cstring>

#include "storvsp_requests.hpp"
#include "vsp/guest_send.hpp"
#include "vsp/storvsp/wire.hpp"
#include "vsp_line.hpp"

namespace vmbsave::storvsp {

using bench::contains;
using bench::Forger;
using bench::Image;
using bench::Line;
using bench::read_image;
using bench::restore_image;
using bench::save_image;

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
  VMBS_VSP_BACKEND backend_{this, on_submit, nullptr};
  std::vector<Completion> completed_;
};

class RunningEndpoint : public Endpoint {
 public:
  explicit RunningEndpoint(const guest::Guest::Options& options = {}) : Endpoint(options) { start(); }
};

}  // namespace vmbsave::storvsp
