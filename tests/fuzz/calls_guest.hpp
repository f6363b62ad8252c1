// calls_guest.hpp: the guest of one channel, a transport without rings: what it sends lies in a queue.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <vector>

#include "fuzz/target.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::fuzz {

// What a packet of the guest's asks of the VSP, and what the VSP keeps in its client context.
struct Request {
  UINT32 state_bytes;
  UINT32 mood;  // what SavePacket gets wrong: see CallsLine
};

class CallsGuest {
 public:
  void send(UINT64 id, const Request& request, bool wants_completion) {
    queue_.push_back({VMBS_INCOMING_DATA, id, request, wants_completion});
  }
  void answer(UINT64 id) { queue_.push_back({VMBS_INCOMING_COMPLETION, id, {}, false}); }

  // The VSP has completed it and the guest is to see that, once.
  void expect(UINT64 id) { expected_.push_back(id); }
  void expect_nothing() { expected_.clear(); }
  bool expects_nothing() const { return expected_.empty(); }

  bool has_room = true;       // in the ring to the guest
  std::vector<UINT64> asked;  // ids that wait for an answer

  static const VMBS_TRANSPORT& transport() {
    static const VMBS_TRANSPORT table = {sizeof(VMBS_TRANSPORT), peek,        consume, reserve, release,
                                         send_completion,        send_packet, wake};
    return table;
  }

 private:
  struct Sent {
    UINT32 type;
    UINT64 id;
    Request request;
    bool wants_completion;
  };

  static CallsGuest& self(PVOID context) { return *static_cast<CallsGuest*>(context); }

  static NTSTATUS peek(PVOID context, VMBS_INCOMING_PACKET* packet) {
    CallsGuest& guest = self(context);
    if (guest.queue_.empty()) return STATUS_NO_MORE_ENTRIES;
    const Sent& next = guest.queue_.front();
    guest.copy_ = next.request;
    *packet = {};
    packet->Type = next.type;
    packet->TransactionId = next.id;
    packet->CompletionRequested = next.wants_completion;
    packet->Buffer = &guest.copy_;
    packet->BufferLength = sizeof guest.copy_;
    return STATUS_SUCCESS;
  }
  static VOID consume(PVOID context) { self(context).queue_.pop_front(); }

  static BOOLEAN reserve(PVOID context, UINT32) {
    CallsGuest& guest = self(context);
    if (guest.has_room) ++guest.reserved_;
    return guest.has_room;
  }
  static VOID release(PVOID context, UINT32) {
    require(self(context).reserved_ > 0, "no more room is given back than was set aside");
    --self(context).reserved_;
  }
  static VOID send_completion(PVOID context, UINT32, UINT64 id, const VOID*, UINT32) {
    CallsGuest& guest = self(context);
    release(context, 0);
    const auto found = std::find(guest.expected_.begin(), guest.expected_.end(), id);
    require(found != guest.expected_.end(), "a completion reaches the guest once, and only if the VSP made it");
    guest.expected_.erase(found);
  }
  static BOOLEAN send_packet(PVOID context, UINT64 id, BOOLEAN wants_completion, const VOID*, UINT32) {
    CallsGuest& guest = self(context);
    if (guest.has_room && wants_completion) guest.asked.push_back(id);
    return guest.has_room;
  }
  static VOID wake(PVOID) {}

  std::deque<Sent> queue_;
  std::vector<UINT64> expected_;
  Request copy_{};
  unsigned reserved_ = 0;
};

}  // namespace vmbsave::fuzz
