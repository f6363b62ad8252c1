#include "verify/save_exam.hpp"

#include <algorithm>

#include "image/format.hpp"
#include "kmcl/channel.hpp"
#include "verify/text.hpp"

namespace vmbsave::verify {
namespace {

// Two values that no field of a state is likely to have all over, and that have no bit in common.
constexpr std::byte kFill{0xA5};
constexpr std::byte kOtherFill{0x5A};

// What a SavePacket does to its channel is seen here.
struct Traces {
  explicit Traces(const VMBCHANNEL__& channel) noexcept
      : misuses(channel.counters.misuses.load_relaxed()),
        sends(channel.counters.sends_inside.load_relaxed()),
        uncompleted(channel.channel->table().count_uncompleted()) {}

  std::uint64_t misuses;
  std::uint64_t sends;
  std::uint32_t uncompleted;
};

// False: the packet may be gone, and is not called again.
bool judge_traces(Findings& findings, const Traces& before, const Traces& after, const Place& where) {
  if (after.uncompleted < before.uncompleted) {
    findings.add(Check::kCompletesInside, where, "the packet is not in use any more");
    return false;
  }
  if (after.sends != before.sends) {
    findings.add(Check::kSendsInside, where, "VmbPacketSend was called " + times_text(after.sends - before.sends));
    return false;
  }
  if (after.misuses != before.misuses) {
    findings.add(Check::kCallsInside, where,
                 "the library refused a call " + times_text(after.misuses - before.misuses));
    return false;
  }
  return true;
}

bool judge_return(Findings& findings, const Answer& answer, const Place& where) {
  if (answer.threw) {
    findings.add(Check::kThrows, where, "it threw");
    return false;
  }
  if (answer.status == Status::kPending) {
    findings.add(Check::kPends, where, "it returned " + status_text(answer.status));
    return false;
  }
  return true;
}

bool judge_first(Findings& findings, const Answer& answer, const Place& where) {
  const bool asks = answer.needed != 0;
  if (succeeded(answer.status)) {
    if (asks) findings.add(Check::kSucceedsWithNeeded, where, "BytesNeeded is " + std::to_string(answer.needed));
    return !asks;
  }
  if (!asks) {
    findings.add(Check::kFailsWithoutNeeded, where, "it returned " + status_text(answer.status));
    return false;
  }
  if (answer.needed > image::kMaxStateBytes) {
    findings.add(Check::kAsksTooMuch, where, "BytesNeeded is " + std::to_string(answer.needed));
    return false;
  }
  return true;
}

bool is_same_size(const Answer& answer, std::uint32_t bytes) noexcept {
  return succeeded(answer.status) == (bytes == 0) && answer.needed == bytes;
}

}  // namespace

std::size_t largest_state(std::span<const Examined> packets) noexcept {
  std::size_t most = 0;
  for (const Examined& packet : packets) most = std::max<std::size_t>(most, packet.bytes);
  return most;
}

std::vector<Examined> SaveExam::run() {
  std::vector<Examined> packets;
  for (const VMBCHANNEL channel : subject_.channels()) {
    const std::uint32_t number = endpoint_of(channel).number();
    for (packet::Packet* const packet : subject_.packets_in_use(number)) {
      packets.push_back({.target = {channel, packet, name_of(number, *packet)}});
    }
  }
  for (Examined& packet : packets) examine(packet);
  return packets;
}

void SaveExam::examine(Examined& packet) {
  sizing_ns_ = saving_ns_ = UINT64_MAX;
  packet.is_sound = size(packet) && (packet.bytes == 0 || save(packet));
  packet.sizing_ns = sizing_ns_;
  packet.saving_ns = saving_ns_;
  if (packet.is_sound) compare_with_reference(packet);
}

// ---- the first call ----------------------------------------------------------------------------------------------

bool SaveExam::size(Examined& packet) {
  Room& room = ready(room_, 0);
  const std::span<std::byte> buffer = room.in_the_midst(0);
  const Place where = place_of(Call::kSizing, 1, packet.target.name);
  Answer answer;
  if (!call(packet.target, 1, buffer, answer)) return false;
  if (const std::optional<Damage> damage = room.damage()) {
    course_.findings.add(Check::kTouchesSizingBuffer, at_bytes(where, damage->first_byte, damage->bytes),
                         bytes_text(damage->bytes) + " changed");
    return false;
  }
  if (!judge_first(course_.findings, answer, where)) return false;
  packet.bytes = answer.needed;
  return size_again(packet);
}

// Where even a look at SaveBuf ends the process.
bool SaveExam::size_again(const Examined& packet) {
  const std::span<std::byte> buffer =
      course_.options.guard_pages ? std::span(room_->no_bytes(), 0) : room_->in_the_midst(0);
  Answer answer;
  if (!call(packet.target, 2, buffer, answer)) return false;
  if (is_same_size(answer, packet.bytes)) return true;
  course_.findings.add(Check::kSizesDiffer, place_of(Call::kSizing, 2, packet.target.name),
                       bytes_text(packet.bytes) + " at first, then " + std::to_string(answer.needed));
  return false;
}

// ---- the second call ---------------------------------------------------------------------------------------------

// Each attempt differs from the first one in one thing.
bool SaveExam::save(Examined& packet) {
  const std::size_t bytes = packet.bytes;
  const std::size_t more = bytes + bytes / 2 + 1;
  Room& room = ready(room_, more);
  const Attempt first{1, room.in_the_midst(bytes), kFill};
  if (!call_second(packet, first)) return false;
  packet.state.assign(first.buffer.begin(), first.buffer.end());
  if (!save_same(packet, {2, room.in_the_midst(bytes), kFill}, Check::kUnlikeResults)) return false;
  if (!save_over_others(packet)) return false;
  if (!save_same(packet, {4, room.in_the_midst(bytes, image::kRecordAlignment), kFill}, Check::kSavesAddress)) {
    return false;
  }
  if (!save_same(packet, {5, room.in_the_midst(more), kFill, false}, Check::kWantsExactBuffer)) return false;
  return !course_.options.guard_pages || save_same(packet, {6, room.at_the_end(bytes), kFill}, Check::kSavesAddress);
}

bool SaveExam::save_same(const Examined& packet, const Attempt& attempt, Check if_different) {
  if (!call_second(packet, attempt)) return false;
  const std::span<const std::byte> state = attempt.buffer.first(packet.bytes);
  const std::optional<Difference> difference = first_difference(state, packet.state);
  if (!difference) return true;
  const Place where = at_bytes(place_of(Call::kSaving, attempt.number, packet.target.name),
                               static_cast<std::int64_t>(difference->first_byte), difference->bytes);
  const std::string detail = difference_text(state, packet.state);
  course_.findings.add(gives_again(packet, attempt) ? if_different : Check::kUnlikeResults, where, detail);
  return false;
}

// Whether the attempt gives the same once more. If not, it is no matter of what the attempt differs in.
bool SaveExam::gives_again(const Examined& packet, const Attempt& attempt) {
  const std::vector<std::byte> before(attempt.buffer.begin(), attempt.buffer.end());
  return call_second(packet, attempt) && std::equal(before.begin(), before.end(), attempt.buffer.begin());
}

// A byte that is what it was, whatever it was, was not written.
bool SaveExam::save_over_others(const Examined& packet) {
  const Attempt attempt{3, room_->in_the_midst(packet.bytes), kOtherFill};
  if (!call_second(packet, attempt)) return false;
  const Place where = place_of(Call::kSaving, attempt.number, packet.target.name);
  const auto kept = [&](std::size_t i) { return packet.state[i] == kFill && attempt.buffer[i] == kOtherFill; };
  const auto differs = [&](std::size_t i) { return packet.state[i] != attempt.buffer[i] && !kept(i); };
  const auto report = [&](Check check, auto&& is_it, const char* what) {
    std::size_t first = 0;
    while (first < packet.bytes && !is_it(first)) ++first;
    if (first == packet.bytes) return true;
    std::size_t last = first;
    while (last < packet.bytes && is_it(last)) ++last;
    course_.findings.add(check, at_bytes(where, static_cast<std::int64_t>(first), last - first),
                         bytes_text(last - first) + what + " of " + std::to_string(packet.bytes));
    return false;
  };
  const bool is_written = report(Check::kLeavesBytes, kept, " kept what was there");
  return report(Check::kReadsBuffer, differs, " changed with what was there") && is_written;
}

bool SaveExam::call_second(const Examined& packet, const Attempt& attempt) {
  const Place where = place_of(Call::kSaving, attempt.number, packet.target.name);
  std::fill(attempt.buffer.begin(), attempt.buffer.end(), attempt.fill);
  Answer answer;
  if (!call(packet.target, attempt.number, attempt.buffer, answer)) return false;
  if (const std::optional<Damage> damage = room_->damage()) {
    course_.findings.add(Check::kOverruns, at_bytes(where, damage->first_byte, damage->bytes),
                         "of a SaveBuf of " + bytes_text(attempt.buffer.size()));
    return false;
  }
  return judge_second(packet, attempt, answer, where);
}

bool SaveExam::judge_second(const Examined& packet, const Attempt& attempt, const Answer& answer, const Place& where) {
  Findings& findings = course_.findings;
  const std::size_t room = attempt.buffer.size();
  const std::string asked = bytes_text(packet.bytes) + " asked for, a buffer of " + std::to_string(room);
  if (!succeeded(answer.status)) {
    const bool grows = answer.needed != kUnset && answer.needed > room;
    const Check check = !attempt.is_exact ? Check::kWantsExactBuffer : grows ? Check::kGrows : Check::kSecondCallFails;
    findings.add(
        check, where,
        asked + ": " + status_text(answer.status) + (grows ? ", BytesNeeded " + std::to_string(answer.needed) : ""));
    return false;
  }
  if (answer.needed == kUnset) {
    findings.add(Check::kLeavesNeededUnset, where, asked);
    return true;
  }
  if (answer.needed == packet.bytes) return true;
  const Check check = !attempt.is_exact      ? Check::kWantsExactBuffer
                      : answer.needed > room ? Check::kClaimsMore
                                             : Check::kSizesDiffer;
  findings.add(check, where, asked + ", BytesNeeded " + std::to_string(answer.needed));
  return false;
}

// ---- either call -------------------------------------------------------------------------------------------------

// False: what came back is not to be looked at.
bool SaveExam::call(const Target& target, std::uint32_t attempt, std::span<std::byte> buffer, Answer& answer) {
  const Traces before(*target.channel);
  ++course_.calls;
  answer = call_save(course_.journals.lane(0), target, attempt, *room_, buffer);
  std::uint64_t& shortest = buffer.empty() ? sizing_ns_ : saving_ns_;
  shortest = std::min(shortest, answer.ns);
  const Place where = place_of(buffer.empty() ? Call::kSizing : Call::kSaving, attempt, target.name);
  const bool is_quiet = judge_traces(course_.findings, before, Traces(*target.channel), where);
  return judge_return(course_.findings, answer, where) && is_quiet;
}

void SaveExam::look_at_completed(std::span<const Examined> packets) {
  for (const Examined& packet : packets) {
    const auto known = subject_.pending().find(packet.target.name);
    const bool is_completed = known != subject_.pending().end() && known->second.is_completed;
    if (packet.is_sound && is_completed) save_completed(packet);
  }
}

// Its state may be another one now, and shorter, but there must be one that fits where there was one.
void SaveExam::save_completed(const Examined& packet) {
  const auto report = [&](Call of, std::uint32_t attempt, const Answer& answer) {
    course_.findings.add(Check::kForgetsTooEarly, place_of(of, attempt, packet.target.name),
                         status_text(answer.status) + ", BytesNeeded " + std::to_string(answer.needed) + ", and " +
                             std::to_string(packet.bytes) + " before");
  };
  Room& room = ready(room_, packet.bytes);
  Answer answer;
  if (!call(packet.target, 3, room.in_the_midst(0), answer) || packet.bytes == 0) return;
  if (succeeded(answer.status) || answer.needed == 0) return report(Call::kSizing, 3, answer);
  if (!call(packet.target, 7, room.in_the_midst(packet.bytes), answer)) return;
  const bool fits = answer.needed == kUnset || answer.needed <= packet.bytes;
  if (!succeeded(answer.status) || !fits) report(Call::kSaving, 7, answer);
}

void SaveExam::compare_with_reference(const Examined& packet) {
  const auto known = subject_.pending().find(packet.target.name);
  if (course_.vsp.reference_state == nullptr || known == subject_.pending().end() || !known->second.is_known) return;
  const std::size_t most = course_.vsp.max_state_bytes;
  Room& room = ready(room_, most);
  const std::span<std::byte> expected = room.in_the_midst(most);
  UINT32 bytes = 0;
  {
    Inside inside(course_.journals.lane(0), place_of(Call::kReference, 0, packet.target.name));
    room.note(expected, inside.lane().save_buf);
    bytes = course_.vsp.reference_state(&known->second.request, reinterpret_cast<UINT8*>(expected.data()));
  }
  if (bytes > most || room.damage()) {
    course_.findings.add(Check::kUnlikeReference, place_of(Call::kReference, 0, packet.target.name),
                         "reference_state gives " + bytes_text(bytes) +
                             (bytes > most ? "" : " and writes outside of them") + ", max_state_bytes is " +
                             std::to_string(most));
    return;
  }
  compare_with(packet, expected.first(bytes));
}

void SaveExam::compare_with(const Examined& packet, std::span<const std::byte> expected) {
  const std::optional<Difference> difference = first_difference(packet.state, expected);
  if (!difference) return;
  const Place where = place_of(packet.bytes == 0 ? Call::kSizing : Call::kSaving, 1, packet.target.name);
  course_.findings.add(Check::kUnlikeReference,
                       at_bytes(where, static_cast<std::int64_t>(difference->first_byte), difference->bytes),
                       difference_text(packet.state, expected));
}

}  // namespace vmbsave::verify
