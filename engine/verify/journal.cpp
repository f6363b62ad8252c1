#include "verify/journal.hpp"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <optional>
#include <utility>

namespace vmbsave::verify {
namespace {

void forget(JournalBuffer& buffer) noexcept { buffer.room_end = 0; }

Place place_of(const JournalLane& lane) noexcept {
  Place where;
  where.call = static_cast<Call>(lane.call);
  where.attempt = lane.attempt;
  where.channel = lane.channel;
  where.has_packet = lane.has_packet != 0;
  where.outgoing = lane.outgoing != 0;
  where.transaction_id = lane.transaction_id;
  return where;
}

bool is_active(const JournalLane& lane) noexcept { return lane.call != static_cast<std::uint32_t>(Call::kNone); }

// Of the thread, or else the first one that is inside.
const JournalLane& lane_of(const Journal& journal, std::uint64_t thread) noexcept {
  for (const JournalLane& lane : journal.lanes) {
    if (thread != 0 && is_active(lane) && lane.thread == thread) return lane;
  }
  for (const JournalLane& lane : journal.lanes) {
    if (is_active(lane)) return lane;
  }
  return journal.lanes[0];
}

// The offset in the buffer of an address in the room around it.
std::optional<std::int64_t> offset_in(const JournalBuffer& buffer, std::uint64_t address) noexcept {
  if (buffer.room_end == 0 || address < buffer.room_first || address >= buffer.room_end) return std::nullopt;
  return static_cast<std::int64_t>(address - buffer.first);
}

std::string touched(const char* name, std::int64_t offset, const JournalBuffer& buffer, const std::string& what) {
  char text[160];
  std::snprintf(text, sizeof text, "byte %" PRId64 " of a %s of %" PRIu64 " bytes was touched: %s", offset, name,
                std::uint64_t{buffer.bytes}, what.c_str());
  return text;
}

Check check_of(Call call) noexcept {
  if (call == Call::kSizing) return Check::kTouchesSizingBuffer;
  return call == Call::kRestore ? Check::kDamagesRestoreBuffers : Check::kOverruns;
}

}  // namespace

Inside::Inside(JournalLane& lane, const Place& where) noexcept : lane_(lane), outer_(lane.call) {
  forget(lane.save_buf);
  forget(lane.lib_buf);
  lane.attempt = where.attempt;
  lane.channel = where.channel;
  lane.has_packet = where.has_packet ? 1 : 0;
  lane.outgoing = where.outgoing ? 1 : 0;
  lane.transaction_id = where.transaction_id;
  lane.thread = static_cast<std::uint64_t>(gettid());
  lane.calls = lane.calls + 1;
  lane.call = static_cast<std::uint32_t>(where.call);
}

Inside::~Inside() { lane_.call = outer_; }

bool is_inside(const Journal& journal) noexcept {
  for (const JournalLane& lane : journal.lanes) {
    if (is_active(lane)) return true;
  }
  return false;
}

Finding crash_finding(const Journal& journal, const Crash& crash) {
  const JournalLane& lane = lane_of(journal, crash.thread);
  Finding finding{Check::kCrashes, place_of(lane), 1, crash.what};
  if (!crash.has_address) return finding;
  for (const auto& [name, buffer] : {std::pair("SaveBuf", &lane.save_buf), std::pair("LibBuf", &lane.lib_buf)}) {
    const std::optional<std::int64_t> offset = offset_in(*buffer, crash.address);
    if (!offset) continue;
    finding.check = check_of(finding.where.call);
    finding.where.first_byte = *offset;
    finding.where.bytes = 1;
    finding.detail = touched(name, *offset, *buffer, crash.what);
    return finding;
  }
  char text[64];
  std::snprintf(text, sizeof text, " at address 0x%" PRIx64, crash.address);
  finding.detail += text;
  return finding;
}

Finding hang_finding(const Journal& journal, std::uint64_t ns) {
  char text[64];
  std::snprintf(text, sizeof text, "nothing came of it for %.1f s", static_cast<double>(ns) / 1e9);
  return {Check::kHangs, place_of(lane_of(journal, 0)), 1, text};
}

}  // namespace vmbsave::verify
