// endpoint.hpp: the guest's side of one channel: a transport in memory, without rings.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "vmbsave/kmcl_ext.h"
#include "vmbsave/vsp.h"

namespace vmbsave::verify {

class Subject;

// What came to the guest.
struct Arrival {
  std::uint64_t transaction_id;
  bool completion_requested;  // of a packet of the VSP's
  std::vector<UINT8> bytes;
};

class Endpoint {
 public:
  Endpoint(Subject& subject, std::uint32_t number) noexcept : subject_(subject), number_(number) {}
  Endpoint(const Endpoint&) = delete;

  static const VMBS_TRANSPORT& transport() noexcept;

  // The guest sends a request, and asks for a completion; or it answers a packet of the VSP's. The VSP sees either when
  // VmbsChannelProcessIncoming is called.
  void send(std::uint64_t transaction_id, const VMBS_VSP_PACKET& packet);
  void answer(std::uint64_t transaction_id, std::span<const UINT8> bytes);

  // What came since the last call.
  std::vector<Arrival> take_completions();
  std::vector<Arrival> take_packets();

  Subject& subject() noexcept { return subject_; }
  std::uint32_t number() const noexcept { return number_; }  // of the channel

  // What the VSP registered.
  PFN_VMB_CHANNEL_SAVE_PACKET save_packet = nullptr;
  PFN_VMB_CHANNEL_RESTORE_PACKET restore_packet = nullptr;

 private:
  struct Incoming {
    UINT32 type;
    std::uint64_t transaction_id;
    std::vector<UINT8> bytes;
    std::vector<UINT8> ranges;
    UINT32 range_count;
  };

  static NTSTATUS peek(PVOID context, VMBS_INCOMING_PACKET* packet);
  static VOID consume(PVOID context);
  static VOID complete(PVOID context, UINT32 reserved, UINT64 transaction_id, const VOID* bytes, UINT32 length);
  static BOOLEAN take_packet(PVOID context, UINT64 transaction_id, BOOLEAN requested, const VOID* bytes, UINT32 length);

  Subject& subject_;
  const std::uint32_t number_;
  std::deque<Incoming> incoming_;  // of the one thread that sends and signals
  Incoming taken_{};               // what the VSP is looking at
  std::mutex mutex_;               // of what follows: any thread may complete
  std::vector<Arrival> completions_;
  std::vector<Arrival> packets_;
};

// Of a channel that was interposed (interpose.hpp).
Endpoint& endpoint_of(VMBCHANNEL channel) noexcept;

}  // namespace vmbsave::verify
