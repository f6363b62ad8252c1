// save_exam.hpp: SavePacket, packet by packet, on one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "verify/course.hpp"
#include "verify/room.hpp"
#include "verify/save_call.hpp"
#include "verify/subject.hpp"

namespace vmbsave::verify {

// A packet, and what it saves.
struct Examined {
  Target target;
  std::uint32_t bytes = 0;               // of state; 0: it has none
  std::vector<std::byte> state{};        // as it was saved first
  std::uint64_t sizing_ns = UINT64_MAX;  // the shortest call
  std::uint64_t saving_ns = UINT64_MAX;
  bool is_sound = false;  // may be called again, and gives the same
};

std::size_t largest_state(std::span<const Examined> packets) noexcept;

class SaveExam {
 public:
  explicit SaveExam(Subject& subject) noexcept : subject_(subject), course_(subject.course()) {}

  // Every packet in use, while the saves of all channels have begun: what must not happen inside the callback is seen
  // by what it does to them. Gives them by channel, in order of their slots.
  std::vector<Examined> run();

  // Those that were completed since: they belong to the save all the same.
  void look_at_completed(std::span<const Examined> packets);

 private:
  // A second call into a buffer of `room_` whose bytes are `fill`.
  struct Attempt {
    std::uint32_t number;
    std::span<std::byte> buffer;
    std::byte fill;
    bool is_exact = true;  // else the buffer is larger than asked for
  };

  void examine(Examined& packet);
  bool size(Examined& packet);
  bool size_again(const Examined& packet);
  bool save(Examined& packet);
  bool save_over_others(const Examined& packet);
  bool save_same(const Examined& packet, const Attempt& attempt, Check if_different);
  void save_completed(const Examined& packet);
  bool gives_again(const Examined& packet, const Attempt& attempt);
  void compare_with_reference(const Examined& packet);
  void compare_with(const Examined& packet, std::span<const std::byte> expected);

  bool call(const Target& target, std::uint32_t attempt, std::span<std::byte> buffer, Answer& answer);
  bool call_second(const Examined& packet, const Attempt& attempt);
  bool judge_second(const Examined& packet, const Attempt& attempt, const Answer& answer, const Place& where);

  Subject& subject_;
  Course& course_;
  std::optional<Room> room_;
  std::uint64_t sizing_ns_ = 0;  // of the packet in work
  std::uint64_t saving_ns_ = 0;
};

}  // namespace vmbsave::verify
