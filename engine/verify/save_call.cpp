#include "verify/save_call.hpp"

#include "base/clock.hpp"
#include "kmcl/channel.hpp"
#include "save/inside_callbacks.hpp"
#include "verify/endpoint.hpp"

namespace vmbsave::verify {

Answer call_save(JournalLane& lane, const Target& target, std::uint32_t attempt, const Room& room,
                 std::span<std::byte> buffer) {
  const Call call = buffer.empty() ? Call::kSizing : Call::kSaving;
  Inside inside(lane, place_of(call, attempt, target.name));
  room.note(buffer, inside.lane().save_buf);
  const save::InsideCallbacks refused(&target.channel->vm->session());
  const PFN_VMB_CHANNEL_SAVE_PACKET save_packet = endpoint_of(target.channel).save_packet;
  Answer answer;
  answer.needed = buffer.empty() ? 0 : kUnset;
  const std::uint64_t start = base::now_ns();
  try {
    answer.status = static_cast<Status>(save_packet(target.channel, packet::to_handle(target.packet), buffer.data(),
                                                    static_cast<UINT32>(buffer.size()), &answer.needed));
  } catch (...) {
    answer.threw = true;
    answer.status = Status::kUnhandledException;
  }
  answer.ns = base::now_ns() - start;
  return answer;
}

}  // namespace vmbsave::verify
