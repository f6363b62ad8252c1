#include "verify/restore_exam.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "image/format.hpp"
#include "kmcl/channel.hpp"
#include "verify/heap.hpp"
#include "verify/not_checked.hpp"
#include "verify/text.hpp"

namespace vmbsave::verify {
namespace {

constexpr std::size_t kLeastStep = 1u << 20;

// Whole chunks, until there are no more.
NTSTATUS save_stream(VMBCHANNEL channel, std::vector<std::byte>& stream) {
  ULONG required = 0;
  for (;;) {
    const std::size_t at = stream.size();
    stream.resize(at + std::max<std::size_t>(required, kLeastStep));
    ULONG filled = 0;
    const NTSTATUS status =
        VmbChannelSaveContinue(channel, stream.data() + at, static_cast<ULONG>(stream.size() - at), &filled, &required);
    stream.resize(at + filled);
    if (status != STATUS_BUFFER_OVERFLOW && status != STATUS_BUFFER_TOO_SMALL) return status;
  }
}

Check check_of_failed_save(Status status) noexcept {
  if (status == Status::kUnhandledException) return Check::kThrows;
  return status == Status::kInvalidBufferSize ? Check::kGrows : Check::kSecondCallFails;
}

// SavePacket alone had nothing wrong with it, and in a save it has.
void report_failed_save(Course& course, VMBCHANNEL channel, Status status) {
  VMBS_SAVE_STATISTICS statistics{};
  statistics.Size = sizeof statistics;
  (void)VmbsChannelGetSaveStatistics(channel, &statistics);
  Place where = place_of(Call::kSaving, statistics.FailureChannel);
  where.has_packet = true;
  where.transaction_id = statistics.FailureTransactionId;
  course.findings.add(check_of_failed_save(status), where, "in a save: " + status_text(status));
}

// One destination, from its restore to its end.
class Destination {
 public:
  Destination(Course& course, std::span<const Examined> packets, const PendingPackets& pending)
      : course_(course), packets_(packets), subject_(course) {
    subject_.inherit(pending);
  }

  // False: something was found, after which there is nothing to carry on.
  bool restore(const Streams& streams, bool guarded) {
    subject_.restores().guard(guarded);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (!restore_channel(subject_.channels()[i], streams[i])) return false;
    }
    return !course_.findings.has(Check::kCompletesInside);
  }

  // Before the packets go on: as a destination that is a source again.
  void save_again() {
    if (!subject_.begin_saves()) return;
    for (const VMBCHANNEL channel : subject_.channels()) {
      const std::uint32_t number = endpoint_of(channel).number();
      for (packet::Packet* const packet : subject_.packets_in_use(number)) {
        compare({channel, packet, name_of(number, *packet)});
      }
    }
    subject_.end_saves();
  }

  void carry_on() {
    subject_.start();
    subject_.reissue();
    for (const auto& [name, pending] : subject_.pending()) {
      if (name.outgoing || pending.with_backend) continue;
      course_.findings.add(Check::kForgetsRequest, place_of(Call::kReissue, 1, name),
                           "its backend does not have it, and no completion has come");
    }
    subject_.complete_all();
    if (!subject_.awaits_requests()) subject_.finish();
  }

 private:
  bool restore_channel(VMBCHANNEL channel, const std::vector<std::byte>& stream) {
    const std::size_t findings = course_.findings.count();
    const NTSTATUS status =
        VmbChannelRestoreFromBuffer(channel, const_cast<std::byte*>(stream.data()), static_cast<ULONG>(stream.size()));
    if (NT_SUCCESS(status)) return true;
    if (course_.findings.count() == findings) {
      course_.findings.add(Check::kRefusesOwnState, place_of(Call::kRestore, endpoint_of(channel).number()),
                           "the restore failed: " + status_text(static_cast<Status>(status)));
    }
    return false;
  }

  const Examined* original_of(const PacketName& name) {
    if (originals_.empty()) {
      for (const Examined& packet : packets_) originals_[packet.target.name] = &packet;
    }
    const auto found = originals_.find(name);
    return found == originals_.end() || !found->second->is_sound ? nullptr : found->second;
  }

  // What SavePacket makes of it now.
  std::vector<std::byte> state_of(const Target& target, Answer& answer) {
    const std::span<std::byte> no_buffer = ready(room_, 0).in_the_midst(0);
    answer = call_save(course_.journals.lane(0), target, 1, *room_, no_buffer);
    if (answer.threw || succeeded(answer.status) || answer.needed > image::kMaxStateBytes) return {};
    const std::span<std::byte> buffer = ready(room_, answer.needed).in_the_midst(answer.needed);
    std::fill(buffer.begin(), buffer.end(), std::byte{0});
    answer = call_save(course_.journals.lane(0), target, 1, *room_, buffer);
    const std::size_t bytes = std::min<std::size_t>(answer.needed, buffer.size());
    return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(bytes)};
  }

  void compare(const Target& target) {
    const Examined* const original = original_of(target.name);
    if (original == nullptr) return;
    Answer answer;
    const std::vector<std::byte> now = state_of(target, answer);
    course_.calls += original->bytes == 0 ? 1 : 2;
    const std::optional<Difference> difference = first_difference(now, original->state);
    if (!difference && !answer.threw) return;
    const Place where = place_of(Call::kRestore, 1, target.name);
    course_.findings.add(
        Check::kStateIsLost,
        difference ? at_bytes(where, static_cast<std::int64_t>(difference->first_byte), difference->bytes) : where,
        "saved again: " + (answer.threw ? "SavePacket threw" : difference_text(now, original->state)));
  }

  Course& course_;
  const std::span<const Examined> packets_;
  Subject subject_;
  std::optional<Room> room_;
  std::map<PacketName, const Examined*> originals_;
};

}  // namespace

bool save_streams(Subject& subject, Streams& streams) {
  for (const VMBCHANNEL channel : subject.channels()) {
    const NTSTATUS status = save_stream(channel, streams.emplace_back());
    if (NT_SUCCESS(status)) continue;
    report_failed_save(subject.course(), channel, static_cast<Status>(status));
    return false;
  }
  return true;
}

// The first round has no page at which it would crash: what a callback does wrong is then found in time.
void examine_restores(Course& course, const Streams& streams, std::span<const Examined> packets,
                      const PendingPackets& pending) {
  HeapRounds heap;
  for (bool is_first = true; !heap.is_over(); is_first = false) {
    const std::size_t findings = course.findings.count();
    {
      Destination destination(course, packets, pending);
      if (!destination.restore(streams, !is_first && course.options.guard_pages)) return;
      if (is_first) destination.save_again();
      destination.carry_on();
    }
    if (course.findings.count() != findings) return;
    heap.end_round();
  }
  if (const std::uint64_t lost = heap.lost_each(); lost != 0) {
    course.findings.add(Check::kLeaksMemory, place_of(Call::kRestore, 0),
                        bytes_text(lost) + " more after each restore of " + std::to_string(packets.size()) +
                            " packets, which were then completed");
  }
}

}  // namespace vmbsave::verify
