// journal.hpp: a call of the VSP, noted before it is made.
#pragma once

#include "vmbsave/verify.hpp"

namespace vmbsave::verify {

// The lanes of one examination: the caller's, or some that nobody reads.
class Journals {
 public:
  explicit Journals(Journal* journal) noexcept : journal_(journal != nullptr ? *journal : own_) {}
  Journals(const Journals&) = delete;

  JournalLane& lane(std::size_t thread) noexcept { return journal_.lanes[thread]; }

 private:
  Journal own_;
  Journal& journal_;
};

// Inside the VSP for as long as it lives. They nest: ProcessPacket calls submit, which is not the VSP's.
class Inside {
 public:
  Inside(JournalLane& lane, const Place& where) noexcept;
  ~Inside();
  Inside(const Inside&) = delete;

  JournalLane& lane() noexcept { return lane_; }

 private:
  JournalLane& lane_;
  const std::uint32_t outer_;
};

}  // namespace vmbsave::verify
