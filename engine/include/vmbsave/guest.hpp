/**
 * @file guest.hpp
 * A guest in user mode: the other end of a channel, over two VMBus rings in the documented layout. For tests,
 * benchmarks and programs that drive a VSP without a virtual machine.
 *
 * The guest writes packets into the ring to the host (send, send_external, complete) and calls signal(), which hands
 * them to the VSP on the calling thread; it reads completions and packets of the VSP from the ring to the guest
 * (receive). The rings belong to the Guest, not to the channel: what is unread in them goes along when the channel is
 * saved and restored.
 *
 * Threads: send, send_external, complete, signal, host_work_due, counters by any; receive and malformed by one at a
 * time; open, close and detach likewise, while the others run; on_interrupt and on_host_work before anything else. No
 * signal may be inside a channel that VmbChannelCleanup frees.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "vmbsave/kmcl_ext.h"

#ifndef _WIN32
#pragma GCC visibility push(default)  // a shared library exports what is declared from here on
#endif

namespace vmbsave::guest {

/**
 * Pages of 4,096 bytes that a range of guest memory touches.
 *
 * @param byte_count   length of the range
 * @param byte_offset  where it begins in its first page
 * @return how many page numbers describe it
 */
constexpr std::uint64_t gpa_page_count(std::uint32_t byte_count, std::uint32_t byte_offset) noexcept {
  return (std::uint64_t{byte_offset} + byte_count + 4095) / 4096;
}

/** Guest memory that a packet describes: byte_count bytes from byte_offset within the first page. */
struct GpaRange {
  std::uint32_t byte_count = 0;                /**< not 0 */
  std::uint32_t byte_offset = 0;               /**< below 4,096 */
  std::span<const std::uint64_t> page_numbers; /**< gpa_page_count(byte_count, byte_offset) of them */
};

/** A packet of the host's, as Guest::receive gives it. */
struct Received {
  /** What a packet of the host's is. */
  enum class Kind {
    kData,       /**< of VmbPacketSend */
    kCompletion, /**< the VSP's completion of a packet that the guest sent */
  };
  Kind kind = Kind::kData;            /**< data or completion */
  std::uint64_t transaction_id = 0;   /**< the sender's */
  bool completion_requested = false;  /**< the VSP waits for complete() with this transaction id */
  std::span<const std::byte> payload; /**< zero-padded to a multiple of 8; valid until the next receive */
};

/**
 * One guest with its two rings. Neither copied nor moved; closed or detached before it is destroyed.
 *
 * A payload travels padded with zeros to a multiple of 8 bytes: the wire has no other lengths. A packet takes 24 bytes
 * of its ring beside the padded payload; one with external data 8 more, and per range 8 and 8 for each page. The
 * longest, without its last 8 bytes, is 524,280.
 *
 * @code
 *   auto guest = vmbsave::guest::Guest::create({});
 *   guest->open(channel);
 *   guest->send(1, request, true);
 *   guest->signal();
 *   while (const auto packet = guest->receive()) ...
 *   guest->close();
 * @endcode
 */
class Guest {
 public:
  /** How big the rings are. Each holds 4,096 x (pages - 1) - 8 bytes of packets. The ring to the guest must hold a
   * completion of the channel's maximum packet size (VmbChannelInitSetMaximumPacketSize), else no packet that asks for
   * one is ever taken; nor is a packet of VmbPacketSend ever sent that the ring cannot hold. */
  struct Options {
    std::uint32_t to_host_pages = 32;  /**< 2 to 65,536, the control page included */
    std::uint32_t to_guest_pages = 32; /**< likewise */
    bool external_data_pending =
        false; /**< external data must be paged in: VmbChannelPacketGetExternalData is pending at first */
  };

  /** Bytes and signals now. Each is exact by itself; together they are while nothing runs. */
  struct Counters {
    std::uint32_t to_host_free = 0;      /**< bytes that one more packet of the guest's can take, headers included */
    std::uint32_t to_guest_free = 0;     /**< bytes that one more packet of VmbPacketSend can take, headers included */
    std::uint32_t to_guest_reserved = 0; /**< bytes set aside for completions of packets that the VSP has in use */
    std::uint64_t interrupts = 0;        /**< signals to the guest */
    std::uint64_t host_signals = 0;      /**< signals to the host */
  };

  /**
   * A guest with two empty rings. Costs two mappings whose pages come at first touch.
   *
   * @param options  sizes of the rings, and how external data behaves
   * @return nullptr without memory, or if a number of pages is out of range
   */
  static std::unique_ptr<Guest> create(const Options& options) noexcept;

  ~Guest();
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  /**
   * Opens a channel over the rings, with what is in them. The first open of a Guest or, after close or detach, another:
   * of the same channel or of one that was restored elsewhere.
   *
   * @param channel  enabled, not open; outlives the opening
   * @retval STATUS_INVALID_DEVICE_STATE  open already
   * @retval STATUS_DATA_ERROR (0xC000003E)  the indices in the rings' control pages are none
   * @return else what VmbsChannelOpen returned; not open unless STATUS_SUCCESS
   */
  NTSTATUS open(VMBCHANNEL channel) noexcept;

  /**
   * Closes the channel. Waits until the VSP has completed every packet in use; their completions are in the ring
   * afterwards.
   *
   * @retval STATUS_INVALID_DEVICE_STATE  not open
   * @return else what VmbsChannelClose returned; open still unless STATUS_SUCCESS
   */
  NTSTATUS close() noexcept;

  /**
   * Forgets a channel that is no longer open for another reason: VmbChannelDisable or VmbChannelCleanup has returned
   * and, if a save of the VM was running then, it has ended. Room set aside for completions is free again; what is
   * unread stays. Without effect if not open.
   */
  void detach() noexcept;

  /**
   * Writes an in-band packet. Takes a short lock and a copy; signal() makes the VSP see it.
   *
   * @param transaction_id        any; comes back with the completion
   * @param payload               copied
   * @param completion_requested  whether the VSP's completion is to reach receive()
   * @return false: nothing was written. Either the ring is full, and there will be an interrupt when it has room for
   * the smallest packet that did not fit, after which each refused packet is to be tried again; or the packet is longer
   *         than the ring holds or than a packet can be, and will never fit
   */
  bool send(std::uint64_t transaction_id, std::span<const std::byte> payload, bool completion_requested) noexcept;

  /**
   * Writes a packet with external data (GPA-direct), as send does.
   *
   * @param transaction_id        any; comes back with the completion
   * @param payload               copied
   * @param ranges                at least one, each as GpaRange says; copied with their page numbers
   * @param completion_requested  whether the VSP's completion is to reach receive()
   * @return false: as send; also if a range is not as it must be
   */
  bool send_external(std::uint64_t transaction_id, std::span<const std::byte> payload, std::span<const GpaRange> ranges,
                     bool completion_requested) noexcept;

  /**
   * Writes the completion of a packet that receive() gave, as send does.
   *
   * @param transaction_id  of that packet
   * @param payload         copied
   * @return false: as send
   */
  bool complete(std::uint64_t transaction_id, std::span<const std::byte> payload) noexcept;

  /**
   * Signals the host: VmbsChannelProcessIncoming on the calling thread, and with it the VSP's callbacks.
   *
   * @param maximum_packets  stops after so many; 0: no limit
   * @param processed        how many were taken; may be nullptr
   * @retval STATUS_INVALID_DEVICE_STATE  not open; else as VmbsChannelProcessIncoming
   * @return what VmbsChannelProcessIncoming returned
   */
  NTSTATUS signal(std::uint32_t maximum_packets = 0, std::uint32_t* processed = nullptr) noexcept;

  /**
   * Takes the next packet of the host's. Interrupts for packets come only after it has found nothing: call it until it
   * does. If the host waits for room and now has it, the host is signalled. Takes a copy of the packet.
   *
   * @return nothing: the ring is empty, or holds what is no packet: see malformed()
   */
  std::optional<Received> receive() noexcept;

  /**
   * What the last receive found.
   *
   * @return whether it was something that is no packet; none is received after it
   */
  bool malformed() const noexcept;

  /**
   * Sets what runs on a signal to the guest: a packet in a ring that receive() had found empty, or room for a packet
   * that was refused. Some come without need. Runs on whatever thread the library is called by; must not call it, nor
   * throw.
   *
   * @param hook  may be empty
   */
  void on_interrupt(std::function<void()> hook);

  /**
   * Sets what runs on a signal to the host: a packet in a ring that the host had found empty, room that it waited for,
   * a reason that is gone for which it had stopped, or packets left because of maximum_packets. Each run asks for one
   * call of signal() later, from anywhere but inside the hook; none comes before that call. Likewise must not call the
   * library, nor throw. A program that calls signal() anyway whenever it has written or read needs none.
   *
   * @param hook  may be empty
   */
  void on_host_work(std::function<void()> hook);

  /**
   * Whether signal() is to be called.
   *
   * @return whether the host was signalled since signal() was called last
   */
  bool host_work_due() const noexcept;

  /**
   * What is free and what was signalled. Costs a short lock on each ring.
   *
   * @return the counters now
   */
  Counters counters() const noexcept;

  /**
   * The ring to the host as it lies in guest memory, for those who inspect, copy or damage it.
   *
   * @return the control page and, behind it, the data area
   */
  std::span<std::byte> to_host_memory() const noexcept;

  /**
   * The ring to the guest, likewise.
   *
   * @return the control page and, behind it, the data area
   */
  std::span<std::byte> to_guest_memory() const noexcept;

 private:
  struct Impl;
  explicit Guest(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmbsave::guest

#ifndef _WIN32
#pragma GCC visibility pop
#endif
