// restore_watch.hpp: stands between the library and a VSP's RestorePacket.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kmcl/channel.hpp"
#include "verify/course.hpp"
#include "verify/room.hpp"

namespace vmbsave::verify {

// RestorePacket gets copies of LibBuf and SaveBuf, at whose ends it is noticed when it goes further; what it hands to
// VmbPacketRestore is looked at on its way. One thread.
class RestoreWatch {
 public:
  explicit RestoreWatch(Course& course) noexcept : course_(course) {}

  // What comes next ends at a page that nobody can access.
  void guard(bool guarded) noexcept { guarded_ = guarded; }

  NTSTATUS call(VMBCHANNEL__& channel, std::span<const std::byte> lib_buf, std::span<const std::byte> save_buf);

 private:
  struct Outcome;

  std::span<std::byte> copy(std::optional<Room>& room, std::span<const std::byte> bytes);
  void run(VMBCHANNEL__& channel, Outcome& outcome, const Place& where);
  void note_time(const Place& where, std::uint64_t ns);
  void judge(const Outcome& outcome, const Place& where);
  void judge_buffer(const Room& room, std::span<const std::byte> given, std::span<const std::byte> now,
                    const char* name, const Place& where);

  Course& course_;
  std::optional<Room> lib_room_;
  std::optional<Room> save_room_;
  bool guarded_ = false;
};

}  // namespace vmbsave::verify
