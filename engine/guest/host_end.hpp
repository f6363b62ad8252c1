// host_end.hpp: the host's ends of both rings, as the transport of a channel.
#pragma once

#include "guest/ring_reader.hpp"
#include "guest/ring_writer.hpp"
#include "guest/signals.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::guest {

class HostEnd {
 public:
  // `guest_writer` writes the ring that this reads.
  HostEnd(RingReader reader, Ring to_guest, RingWriter& guest_writer, Signals& signals,
          bool external_data_pending) noexcept
      : reader_(reader),
        writer_(to_guest),
        guest_writer_(guest_writer),
        signals_(signals),
        external_data_pending_(external_data_pending) {}

  // Takes up both rings where they are, with nothing set aside. False: their indices are none.
  bool attach() noexcept;

  // For VmbsChannelOpen, with this object as the context.
  static VMBS_TRANSPORT transport() noexcept;

  RingWriter& writer() noexcept { return writer_; }

 private:
  static HostEnd& of(PVOID context) noexcept { return *static_cast<HostEnd*>(context); }
  static NTSTATUS peek(PVOID context, VMBS_INCOMING_PACKET* packet) noexcept;
  static VOID consume(PVOID context) noexcept;
  static BOOLEAN reserve_completion(PVOID context, UINT32 length) noexcept;
  static VOID release_completion(PVOID context, UINT32 length) noexcept;
  static VOID send_completion(PVOID context, UINT32 reserved_length, UINT64 transaction_id, const VOID* buffer,
                              UINT32 length) noexcept;
  static BOOLEAN send_packet(PVOID context, UINT64 transaction_id, BOOLEAN completion_requested, const VOID* buffer,
                             UINT32 length) noexcept;
  static VOID wake(PVOID context) noexcept;

  void signal(const PutResult& result) noexcept;
  BOOLEAN no_room() noexcept;

  RingReader reader_;
  RingWriter writer_;
  RingWriter& guest_writer_;
  Signals& signals_;
  const bool external_data_pending_;
  base::Atomic<bool> told_broken_;
};

}  // namespace vmbsave::guest
