// shared.hpp: what outlives a killed host: the guest's rings and its pages, and what guest and hosts tell each other.
// In memory that the guest maps before it forks them, so that all have it at the same address. No locks: whoever holds
// one may be killed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "vmbsave/vsp.h"

namespace vmbsave::migration {

inline constexpr std::uint32_t kChannels = 4;
inline constexpr std::uint32_t kRingEntries = 256;  // of each ring; a power of two
inline constexpr std::uint32_t kDepth = 96;         // requests of the guest on a channel at a time
inline constexpr std::uint32_t kQuota = 64;         // of them in use: the others wait in the ring
inline constexpr std::uint32_t kPageBytes = 4096;
inline constexpr std::uint32_t kMaxRequestBytes = 32 * 1024;
inline constexpr std::uint32_t kMaxRequestPages = kMaxRequestBytes / kPageBytes + 1;
inline constexpr std::uint32_t kPages = kChannels * kDepth * kMaxRequestPages;
inline constexpr std::uint64_t kFirstPage = 0x100000;  // number of the first: guest memory at 4 GiB
static_assert(kDepth <= kRingEntries, "a completion always has room");

// A word to sleep on, across processes. Whoever waits looks first, so that no ring is missed.
class Doorbell {
 public:
  std::uint32_t look() const noexcept { return rings_.load(std::memory_order_acquire); }
  void ring() noexcept;
  void wait(std::uint32_t looked, std::uint32_t microseconds) noexcept;

 private:
  std::atomic<std::uint32_t> rings_;
};

// One writer and one reader at a time, each in one process; an entry is there when `written` has passed it, and gone
// when `read` has: a process killed between two instructions leaves it in one place.
template <class Entry>
struct Ring {
  alignas(64) std::atomic<std::uint32_t> written;
  alignas(64) std::atomic<std::uint32_t> read;
  std::array<Entry, kRingEntries> entries;

  const Entry* peek() const noexcept {
    const std::uint32_t at = read.load(std::memory_order_relaxed);
    return at == written.load(std::memory_order_acquire) ? nullptr : &entries[at % kRingEntries];
  }
  void consume() noexcept { read.store(read.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  bool push(const Entry& entry) noexcept {
    const std::uint32_t at = written.load(std::memory_order_relaxed);
    if (at - read.load(std::memory_order_acquire) == kRingEntries) return false;
    entries[at % kRingEntries] = entry;
    written.store(at + 1, std::memory_order_release);
    return true;
  }
  void reset() noexcept {
    written.store(0, std::memory_order_relaxed);
    read.store(0, std::memory_order_release);
  }
};

struct Submission {
  std::uint64_t transaction_id;
  VMBS_VSP_PACKET packet;
};
struct Completion {
  std::uint64_t transaction_id;
  std::uint32_t length;
  std::array<std::byte, VMBS_VSP_MAX_INLINE> bytes;
};
struct SharedChannel {
  Ring<Submission> to_host;
  Ring<Completion> to_guest;
};

// How far the source is, in this order; the last one it reached.
enum class Stage : std::uint32_t { kServing, kBegin, kCut, kSent, kAcknowledged, kDiscarded, kResumed };
const char* stage_name(Stage stage) noexcept;
// A complaint: of what no host may do before its restored requests have drained.
inline constexpr const char* kTakenTooEarly = "a new packet was taken before the re-issued ones had drained";
// What the destination made of the image.
enum class Verdict : std::uint32_t { kNone, kRestored, kRefused };

struct Shared {
  Doorbell host_bell;
  Doorbell guest_bell;
  std::array<SharedChannel, kChannels> channels;

  // The guest's orders.
  std::atomic<bool> migrate;    // the source saves
  std::atomic<bool> take_over;  // the destination that refused goes on with empty channels: the device was reset
  std::atomic<bool> finished;   // the guest has all its completions
  std::atomic<bool> stop;       // whoever serves ends

  // The hosts' answers.
  std::atomic<Stage> stage;
  std::atomic<Verdict> verdict;
  std::atomic<std::uint32_t> fault;           // RestoreFault of a refused image
  std::atomic<bool> cut_short;                // the source was killed before it had sent the last byte
  std::atomic<std::uint64_t> saved_packets;   // in the source's image
  std::atomic<std::uint64_t> reissued;        // by the destination
  std::atomic<std::uint64_t> saved_draining;  // in the image saved meanwhile
  std::atomic<std::uint64_t> deferred;        // completed at the source between cut and end
  std::atomic<bool> uring;                    // the disk is reached through io_uring
  std::atomic<bool> direct;                   // past the page cache
  std::atomic<bool> outlived;                 // I/O of the source was still on its way when the source was dead

  // What a host found wrong, the first of it.
  std::atomic<bool> complained;
  std::array<char, 256> complaint;
  void complain(const std::string& what) noexcept;

  alignas(kPageBytes) std::array<std::byte, std::size_t{kPages} * kPageBytes> pages;
  std::byte* page(std::uint64_t number) noexcept {
    return number - kFirstPage < kPages ? &pages[(number - kFirstPage) * kPageBytes] : nullptr;
  }

  // As it is when mapped. No host may run.
  void reset() noexcept;
};

struct Unmap {
  void operator()(Shared* shared) const noexcept;
};
std::unique_ptr<Shared, Unmap> map_shared();

}  // namespace vmbsave::migration
