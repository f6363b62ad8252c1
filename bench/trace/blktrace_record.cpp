#include "trace/blktrace_record.hpp"

#include <fmt/format.h>

#include <cstring>

namespace vmbsave::trace {
namespace {

constexpr std::uint32_t kBlktraceMagic = 0x65617400;  // the lowest byte is the version
constexpr std::uint32_t kBlktraceVersion = 7;
constexpr std::uint32_t kBlktraceSwapped = 0x00746165;  // the highest is

// Categories in the upper half of an action.
constexpr std::uint32_t kReadBit = 1u << 16;
constexpr std::uint32_t kWriteBit = 1u << 17;
constexpr std::uint32_t kCommandBit = 1u << 25;  // a SCSI command of a program
constexpr std::uint32_t kNotifyBit = 1u << 26;
constexpr std::uint32_t kDiscardBit = 1u << 29;

constexpr std::uint32_t kCgroupBit = 1u << 8;  // in the lower half: the payload begins with the id of a control group

std::uint32_t magic_of(std::span<const char> bytes) {
  std::uint32_t magic = 0;
  if (bytes.size() >= sizeof(magic)) std::memcpy(&magic, bytes.data(), sizeof(magic));
  return magic;
}

bool is_native(std::uint32_t magic) { return (magic & 0xffffff00) == kBlktraceMagic; }
bool is_swapped(std::uint32_t magic) { return (magic & 0x00ffffff) == kBlktraceSwapped; }

[[noreturn]] void refuse(const Place& place, std::string_view expected, std::string_view found) {
  throw TraceError(place, fmt::format("expected {}, found {}", expected, found));
}

void check_magic(std::uint32_t magic, const Place& place) {
  if (magic == (kBlktraceMagic | kBlktraceVersion)) return;
  if (is_native(magic)) refuse(place, "blktrace version 7", fmt::format("version {}", magic & 0xff));
  if (is_swapped(magic)) {
    refuse(place, "little-endian blktrace records", "a big-endian one (recorded on another kind of machine)");
  }
  refuse(place, fmt::format("a blktrace record, which begins with {:#x}", kBlktraceMagic | kBlktraceVersion),
         fmt::format("{:#x}", magic));
}

std::optional<BlktraceKind> kind_of(std::uint32_t action) {
  switch (action & 0xffff & ~kCgroupBit) {
    case 1:
      return BlktraceKind::kQueued;
    case 6:
      return BlktraceKind::kRequeued;
    case 7:
      return BlktraceKind::kIssued;
    case 8:
      return BlktraceKind::kCompleted;
    default:
      return std::nullopt;
  }
}

Operation operation_of(std::uint32_t action, const Place& place) {
  if ((action & kDiscardBit) != 0) return Operation::kDiscard;
  const std::uint32_t direction = action & (kReadBit | kWriteBit);
  if (direction == kReadBit) return Operation::kRead;
  if (direction == kWriteBit) return Operation::kWrite;
  refuse(place, "a request that reads, writes or discards", fmt::format("action {:#x}", action));
}

void check_fields(const BlktraceRecord& record, const Place& place) {
  constexpr std::uint64_t kMostSectors = UINT64_MAX / kSectorBytes;
  if (record.time_ns > kMaxTimeNs) refuse(place, "a time below 2^63 ns", std::to_string(record.time_ns));
  if (record.sector > kMostSectors) refuse(place, "a sector below 2^55", std::to_string(record.sector));
  if (record.cpu > UINT16_MAX) refuse(place, "a CPU below 65536", std::to_string(record.cpu));
  if (record.bytes % kSectorBytes != 0) {
    refuse(place, "a length that is a multiple of 512", std::to_string(record.bytes));
  }
}

}  // namespace

bool recognise_blktrace(std::span<const char> head) {
  const std::uint32_t magic = magic_of(head);
  return is_native(magic) || is_swapped(magic);
}

BlktraceRecord decode_blktrace(std::span<const char, sizeof(BlktraceRecord)> bytes, const Place& place) {
  check_magic(magic_of(bytes), place);
  BlktraceRecord record;
  std::memcpy(&record, bytes.data(), sizeof(record));
  return record;
}

std::optional<BlktraceEvent> event_of(const BlktraceRecord& record, const Place& place) {
  const auto kind = kind_of(record.action);
  if (!kind || record.bytes == 0 || (record.action & (kCommandBit | kNotifyBit)) != 0) return std::nullopt;
  check_fields(record, place);
  return BlktraceEvent{.time_ns = record.time_ns,
                       .sector = record.sector,
                       .bytes = record.bytes,
                       .device = record.device,
                       .sequence = record.sequence,
                       .cpu = static_cast<std::uint16_t>(record.cpu),
                       .kind = *kind,
                       .operation = operation_of(record.action, place)};
}

}  // namespace vmbsave::trace
