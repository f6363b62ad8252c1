// guest.hpp: the guest: sends its requests, keeps many under way and never two that overlap, and checks what comes
// back.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "e2e/migration/shared.hpp"
#include "e2e/migration/stamps.hpp"
#include "e2e/migration/workload.hpp"
#include "vsp/storvsp/wire.hpp"

namespace vmbsave::migration {

// What went wrong, by kind; `first` says the first of it.
struct Findings {
  std::uint64_t doubled = 0;  // completions of what was not under way, or of before a reset
  std::uint64_t old = 0;      // blocks that hold an older write than they must
  std::uint64_t wrong = 0;    // blocks that hold anything else, and completions with another status
  std::string first;

  bool none() const noexcept { return doubled + old + wrong == 0; }
  void add(std::uint64_t& kind, const std::string& what);
};

class Guest {
 public:
  Guest(Shared& shared, const std::vector<GuestRequest>& requests, std::uint64_t seed);

  // Requests on a channel at a time, up to kDepth.
  void set_depth(std::uint32_t depth) noexcept;
  // One more on each channel.
  void go_deeper() noexcept { set_depth(depth_ + 1); }
  // Takes completions and sends what may be sent; whether there was anything to do.
  bool pump();
  // The device was reset, and no host has anything of this guest: all under way is sent again.
  void reset();

  bool done() const noexcept { return completed_ == requests_.size(); }
  std::uint64_t completed() const noexcept { return completed_; }
  std::uint64_t under_way() const noexcept { return under_way_; }
  std::uint64_t sent_again() const noexcept { return sent_again_; }
  std::uint64_t deepest() const noexcept { return deepest_; }
  Findings& findings() noexcept { return findings_; }
  // What each block of the disk must hold.
  const std::vector<Generation>& generations() const noexcept { return generations_; }
  // Checks a block of the disk.
  void check(ConstBlock bytes, std::uint64_t block, const char* where);

 private:
  enum class State : std::uint8_t { kNotSent, kUnderWay, kDone };
  struct Slot {
    State state = State::kNotSent;
    std::vector<std::uint64_t> pages;
  };

  bool receive();
  bool send_some();
  bool may_start(std::uint32_t index) const;
  void start(std::uint32_t index);
  void send(std::uint32_t index);
  void complete(const Completion& completion);
  void check_reply(const GuestRequest& request, std::uint32_t index, const storvsp::VstorPacket& reply);
  Block data_block(std::uint32_t index, std::uint32_t number);
  Generation generation_of(std::uint32_t index) const noexcept { return index + 1; }
  std::uint64_t transaction_of(std::uint32_t index) const noexcept { return epoch_ << 32 | (index + 1); }
  template <class Visit>
  void for_each_block(const GuestRequest& request, Visit&& visit) const;

  Shared& shared_;
  const std::vector<GuestRequest>& requests_;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> free_pages_;
  std::vector<Generation> generations_;     // by block: the last write that completed
  std::vector<std::uint8_t> busy_;          // by block: a request under way lies on it
  std::vector<std::uint32_t> passed_over_;  // by block: a request that waits lies on it, as of scan number scan_
  std::uint32_t scan_ = 0;
  std::deque<std::uint32_t> waiting_;  // looked at and not sent
  std::uint32_t next_ = 0;
  std::uint32_t depth_ = kDepth;
  std::uint32_t on_channel_[kChannels] = {};
  std::uint64_t epoch_ = 1;
  std::uint64_t completed_ = 0;
  std::uint64_t under_way_ = 0;
  std::uint64_t sent_again_ = 0;
  std::uint64_t deepest_ = 0;
  bool look_again_ = true;
  Findings findings_;
};

}  // namespace vmbsave::migration
