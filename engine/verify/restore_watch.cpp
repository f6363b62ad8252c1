#include "verify/restore_watch.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.hpp"
#include "image/format.hpp"
#include "verify/endpoint.hpp"
#include "verify/text.hpp"

namespace vmbsave::verify {

struct RestoreWatch::Outcome {
  std::span<const std::byte> given_lib;
  std::span<const std::byte> given_save;
  std::span<std::byte> lib;
  std::span<std::byte> save;
  NTSTATUS status = STATUS_SUCCESS;
  bool threw = false;
  unsigned restored = 0;  // calls of VmbPacketRestore
  bool foreign = false;   // one of them with another LibBuf
  Status last = Status::kSuccess;
  bool completed = false;  // the packet, from inside
  std::uint64_t misuses = 0;
  std::uint64_t sends = 0;
};

namespace {

// What VmbPacketRestore is called with, before the library sees it.
class Overheard final : public packet::RestoreTarget {
 public:
  Overheard(packet::Channel& channel, std::span<const std::byte> own) noexcept
      : channel_(channel), library_(std::exchange(channel.restore_target, this)), own_(own) {}
  ~Overheard() { channel_.restore_target = library_; }
  Overheard(const Overheard&) = delete;

  Status restore_packet(packet::Packet& packet, std::span<const std::byte> lib_buf) noexcept override {
    ++calls;
    if (lib_buf.size() != own_.size() || std::memcmp(lib_buf.data(), own_.data(), own_.size()) != 0) foreign = true;
    last = library_->restore_packet(packet, lib_buf);
    if (last == Status::kSuccess) restored = &packet;
    return last;
  }

  // Nobody has the channel open: what is completed is held.
  bool completed() const noexcept { return restored != nullptr && restored->held; }

  unsigned calls = 0;
  bool foreign = false;
  Status last = Status::kSuccess;
  const packet::Packet* restored = nullptr;

 private:
  packet::Channel& channel_;
  packet::RestoreTarget* const library_;
  const std::span<const std::byte> own_;
};

PacketName name_of(std::uint32_t channel, std::span<const std::byte> lib_buf) noexcept {
  image::LibBuf lib{};
  std::memcpy(&lib, lib_buf.data(), std::min(lib_buf.size(), sizeof lib));
  return {channel, lib.direction == static_cast<std::uint8_t>(packet::Direction::kOutgoing), lib.transaction_id};
}

}  // namespace

std::span<std::byte> RestoreWatch::copy(std::optional<Room>& room, std::span<const std::byte> bytes) {
  Room& of = ready(room, bytes.size());
  const std::span<std::byte> buffer = guarded_ ? of.at_the_end(bytes.size()) : of.in_the_midst(bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer.begin());
  return buffer;
}

NTSTATUS RestoreWatch::call(VMBCHANNEL__& channel, std::span<const std::byte> lib_buf,
                            std::span<const std::byte> save_buf) {
  Outcome outcome{.given_lib = lib_buf,
                  .given_save = save_buf,
                  .lib = copy(lib_room_, lib_buf),
                  .save = copy(save_room_, save_buf)};
  const Place where = place_of(Call::kRestore, 1, name_of(endpoint_of(&channel).number(), lib_buf));
  run(channel, outcome, where);
  judge(outcome, where);
  return outcome.status;
}

void RestoreWatch::run(VMBCHANNEL__& channel, Outcome& outcome, const Place& where) {
  Inside inside(course_.journals.lane(0), where);
  lib_room_->note(outcome.lib, inside.lane().lib_buf);
  save_room_->note(outcome.save, inside.lane().save_buf);
  Overheard overheard(*channel.channel, outcome.given_lib);
  const std::uint64_t misuses = channel.counters.misuses.load_relaxed();
  const std::uint64_t sends = channel.counters.sends_inside.load_relaxed();
  ++course_.calls;
  const std::uint64_t start = base::now_ns();
  try {
    outcome.status =
        endpoint_of(&channel).restore_packet(&channel, outcome.lib.data(), static_cast<UINT32>(outcome.lib.size()),
                                             outcome.save.data(), static_cast<UINT32>(outcome.save.size()));
  } catch (...) {
    outcome.threw = true;
    outcome.status = static_cast<NTSTATUS>(Status::kUnhandledException);
  }
  note_time(where, base::now_ns() - start);
  outcome.restored = overheard.calls;
  outcome.foreign = overheard.foreign;
  outcome.last = overheard.last;
  outcome.completed = overheard.completed();
  outcome.misuses = channel.counters.misuses.load_relaxed() - misuses;
  outcome.sends = channel.counters.sends_inside.load_relaxed() - sends;
}

void RestoreWatch::note_time(const Place& where, std::uint64_t ns) {
  const PacketName name{where.channel, where.outgoing, where.transaction_id};
  const auto [known, is_new] = course_.restore_ns.try_emplace(name, ns);
  if (!is_new) known->second = std::min(known->second, ns);
}

// One finding a packet: what comes first explains the others. The buffers are another matter.
void RestoreWatch::judge(const Outcome& outcome, const Place& where) {
  Findings& findings = course_.findings;
  judge_buffer(*lib_room_, outcome.given_lib, outcome.lib, "LibBuf", where);
  judge_buffer(*save_room_, outcome.given_save, outcome.save, "SaveBuf", where);
  const auto status = static_cast<Status>(outcome.status);
  if (outcome.misuses != 0) findings.add(Check::kCallsInside, where, times_text(outcome.misuses));
  if (outcome.completed) findings.add(Check::kCompletesInside, where, "the packet that it restored");
  if (outcome.sends != 0) {
    findings.add(Check::kSendsInside, where, "VmbPacketSend was called " + times_text(outcome.sends));
  }
  if (outcome.threw) {
    findings.add(Check::kThrows, where, "it threw");
  } else if (outcome.foreign) {
    findings.add(Check::kForeignLibBuf, where, "other bytes than its own LibBuf");
  } else if (outcome.restored > 1) {
    findings.add(Check::kRestoresTwice, where, std::to_string(outcome.restored) + " calls");
  } else if (status == Status::kPending || status == Status::kMoreProcessingRequired) {
    findings.add(Check::kPends, where, "it returned " + status_text(status));
  } else if (succeeded(status) && outcome.restored == 0) {
    findings.add(Check::kForgetsRestore, where, "it was not called");
  } else if (succeeded(status) && outcome.last != Status::kSuccess) {
    findings.add(Check::kForgetsRestore, where, "it had failed: " + status_text(outcome.last));
  } else if (!succeeded(status)) {
    findings.add(Check::kRefusesOwnState, where,
                 "it returned " + status_text(status) + " for " + bytes_text(outcome.save.size()) + " of state");
  }
}

void RestoreWatch::judge_buffer(const Room& room, std::span<const std::byte> given, std::span<const std::byte> now,
                                const char* name, const Place& where) {
  if (const std::optional<Damage> damage = room.damage()) {
    course_.findings.add(Check::kDamagesRestoreBuffers, at_bytes(where, damage->first_byte, damage->bytes),
                         std::string("outside of ") + name + " of " + bytes_text(given.size()));
    return;
  }
  if (const std::optional<Difference> changed = first_difference(given, now)) {
    course_.findings.add(Check::kDamagesRestoreBuffers,
                         at_bytes(where, static_cast<std::int64_t>(changed->first_byte), changed->bytes),
                         std::string("within ") + name);
  }
}

}  // namespace vmbsave::verify
