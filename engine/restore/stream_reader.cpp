#include "restore/stream_reader.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/prefetch.hpp"
#include "packet/packet.hpp"

namespace vmbsave::restore {

using image::Chunk;
using image::ChunkKind;

namespace {

// A channel that numbers 10^9 packets a second gets there in 146 years: beyond is damage, and what follows must not
// wrap.
constexpr std::uint64_t kMostNumbers = packet::kFirstSend / 2;

bool is_incoming(const image::LibBuf& lib) noexcept {
  return lib.direction == static_cast<std::uint8_t>(packet::Direction::kIncoming);
}

bool is_numbered(const image::LibBuf& lib, const image::ChannelBody& body) noexcept {
  if (is_incoming(lib)) return lib.sequence < body.next_sequence;
  return lib.transaction_id != 0 && lib.transaction_id < body.next_send &&
         lib.sequence == packet::kFirstSend + lib.transaction_id;
}

// A packet of the guest is in no queue of the host's; one of the host's without a completion to come is in use only
// while it is.
bool is_consistent(const image::LibBuf& lib) noexcept {
  const bool queued = (lib.flags & image::kLibBufQueued) != 0;
  if ((lib.flags & ~(image::kLibBufCompletionRequested | image::kLibBufQueued)) != 0) return false;
  if (is_incoming(lib)) return !queued && lib.payload_bytes == 0;
  return queued || (lib.payload_bytes == 0 && (lib.flags & image::kLibBufCompletionRequested) != 0);
}

// Whether an id is there twice. The ids of a guest that counts rise, and need not be sorted.
bool has_twins(std::vector<std::uint64_t>& ids) noexcept {
  if (std::is_sorted(ids.begin(), ids.end(), std::less_equal<>())) return false;
  std::sort(ids.begin(), ids.end());
  return std::adjacent_find(ids.begin(), ids.end()) != ids.end();
}

}  // namespace

void StreamReader::AlignedDelete::operator()(std::byte* bytes) const noexcept {
  ::operator delete[](bytes, std::align_val_t{image::kChunkAlignment});
}

RestoreFault StreamReader::take(std::span<const std::byte> bytes, const StreamLimits& limits) {
  fault_offset_ = bytes_taken_;
  if (bytes.empty()) return RestoreFault::kMissingTail;
  const std::size_t first_chunk = chunks_.size();
  const bool aligned = base::is_aligned(bytes.data(), image::kRecordAlignment);
  while (!bytes.empty()) {
    fault_offset_ = bytes_taken_;
    if (complete()) return RestoreFault::kTrailingBytes;
    Chunk chunk;
    if (const RestoreFault fault = image::read_chunk(bytes, chunk); fault != RestoreFault::kNone) return fault;
    if (const RestoreFault fault = accept(chunk, limits); fault != RestoreFault::kNone) return fault;
    bytes = bytes.subspan(chunk.bytes.size());
    bytes_taken_ += chunk.bytes.size();
    if (bytes_taken_ > body_.stream_bytes) return RestoreFault::kCounts;
  }
  if (!complete() || !aligned) keep(first_chunk);
  return complete() ? check(limits) : RestoreFault::kNone;
}

// Chunks come in the order in which they were saved: the channel's own, its blocks, its directory.
RestoreFault StreamReader::accept(const Chunk& chunk, const StreamLimits& limits) {
  const std::size_t ordinal = chunks_.size();
  if (ordinal == 0) {
    if (const RestoreFault fault = accept_channel(chunk, limits); fault != RestoreFault::kNone) return fault;
    // What the first chunk says of the others is only a claim as long as they have not come.
    constexpr std::size_t kMostAtFirst = 4096;
    chunks_.reserve(std::min(kMostAtFirst, std::size_t{1} + body_.blocks + body_.directory_chunks));
  } else {
    const ChunkKind expected = ordinal <= body_.blocks ? ChunkKind::kBlock : ChunkKind::kDirectory;
    if (chunk.kind() != expected || chunk.header.channel != number_ || chunk.header.ordinal != ordinal) {
      return RestoreFault::kOrder;
    }
  }
  chunks_.push_back(chunk);
  return RestoreFault::kNone;
}

RestoreFault StreamReader::accept_channel(const Chunk& chunk, const StreamLimits& limits) noexcept {
  if (chunk.kind() != ChunkKind::kChannel || chunk.header.ordinal != 0) return RestoreFault::kOrder;
  if (!image::read_body(chunk, body_)) return RestoreFault::kLengths;
  number_ = chunk.header.channel;
  // Here already: memory for what is to come is taken by these numbers.
  const std::uint64_t chunks = std::uint64_t{1} + body_.blocks + body_.directory_chunks;
  if (body_.blocks > body_.packets || body_.directory_chunks != image::directory_chunks(body_.packets) ||
      chunks > body_.stream_bytes / sizeof(image::ChunkHeader)) {
    return RestoreFault::kCounts;
  }
  if (body_.next_sequence > kMostNumbers || body_.next_send > kMostNumbers) return RestoreFault::kNumbering;
  if (body_.packets > image::kMaxPackets) return RestoreFault::kPacketLimit;
  if (limits.guest_packets < body_.packets && limits.host_packets < body_.packets - limits.guest_packets) {
    return RestoreFault::kPacketLimit;
  }
  if (body_.packets != 0 && !limits.can_restore) return RestoreFault::kNoCallback;
  return RestoreFault::kNone;
}

// Copies the chunks from `first_chunk` on: the caller's buffer is his again after the call, or is not aligned for the
// callbacks.
void StreamReader::keep(std::size_t first_chunk) {
  std::size_t bytes = 0;
  for (std::size_t i = first_chunk; i < chunks_.size(); ++i) bytes += chunks_[i].bytes.size();
  std::unique_ptr<std::byte[], AlignedDelete> copy(
      static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{image::kChunkAlignment})));
  std::byte* at = copy.get();
  for (std::size_t i = first_chunk; i < chunks_.size(); ++i) {
    std::memcpy(at, chunks_[i].bytes.data(), chunks_[i].bytes.size());
    chunks_[i].bytes = {at, chunks_[i].bytes.size()};
    at += chunks_[i].bytes.size();
  }
  copies_.push_back(std::move(copy));
}

RestoreFault StreamReader::check(const StreamLimits& limits) {
  if (bytes_taken_ != body_.stream_bytes) return RestoreFault::kCounts;
  first_start_.reserve(body_.blocks);
  fault_offset_ = chunks_[0].bytes.size();
  for (const Chunk& block : blocks()) {
    if (const RestoreFault fault = check_block(block, limits); fault != RestoreFault::kNone) return fault;
    fault_offset_ += block.bytes.size();
  }
  if (of_direction_[0] + of_direction_[1] != body_.packets) return RestoreFault::kCounts;
  if (of_direction_[0] > limits.guest_packets || of_direction_[1] > limits.host_packets) {
    return RestoreFault::kPacketLimit;
  }
  std::vector<std::uint64_t> ids[2];
  for (unsigned direction = 0; direction < 2; ++direction) ids[direction].reserve(of_direction_[direction]);
  if (const RestoreFault fault = check_directory(ids); fault != RestoreFault::kNone) return fault;
  fault_offset_ = 0;
  return has_twins(ids[0]) || has_twins(ids[1]) ? RestoreFault::kDuplicateTransaction : RestoreFault::kNone;
}

// The records lie one behind the other and fill the block's body.
RestoreFault StreamReader::check_block(const Chunk& block, const StreamLimits& limits) {
  constexpr std::size_t kBits = 64;
  const std::size_t first = starts_.size();
  first_start_.push_back(first);
  starts_.resize(first + block.bytes.size() / image::kRecordAlignment / kBits + 1);
  const std::uint64_t end = sizeof(image::ChunkHeader) + std::uint64_t{block.header.body};
  std::uint64_t offset = sizeof(image::ChunkHeader);
  std::uint32_t count = 0;
  for (; offset < end; ++count) {
    image::Record record;
    if (count == image::kBlockPackets) return RestoreFault::kCounts;
    if (!image::read_record(block, offset, record)) return RestoreFault::kRecord;
    if (const RestoreFault fault = check_record(record.lib, limits); fault != RestoreFault::kNone) return fault;
    ++of_direction_[record.lib.direction];
    const std::uint64_t bit = offset / image::kRecordAlignment;
    starts_[first + bit / kBits] |= std::uint64_t{1} << bit % kBits;
    offset += record.lib.record_bytes;
  }
  return count == block.header.count && count != 0 ? RestoreFault::kNone : RestoreFault::kCounts;
}

RestoreFault StreamReader::check_record(const image::LibBuf& lib, const StreamLimits& limits) const noexcept {
  if (!is_consistent(lib)) return RestoreFault::kRecord;
  if (!is_numbered(lib, body_)) return RestoreFault::kNumbering;
  return lib.payload_bytes > limits.payload_bytes ? RestoreFault::kPayloadLimit : RestoreFault::kNone;
}

// Every record once: as many entries as records, each at a record's start, and sequence numbers that rise strictly.
// Gives each direction's transaction ids, which are its sender's choice and mean something only where a completion was
// asked for.
RestoreFault StreamReader::check_directory(std::vector<std::uint64_t> (&ids)[2]) {
  std::uint64_t named = 0;
  std::uint64_t last = 0;
  for (const Chunk& chunk : directory()) {
    const std::size_t entries = chunk.header.count;
    if (chunk.body().size() != entries * sizeof(image::DirectoryEntry)) return RestoreFault::kDirectory;
    for (std::size_t i = 0; i < entries; ++i) {
      if (!take_entry(entry_of(chunk, i))) return RestoreFault::kDirectory;
    }
    for (std::size_t i = 0; i < entries; ++i) {
      if (i + kAhead < entries) fetch(entry_of(chunk, i + kAhead), 1);
      const image::LibBuf lib = record_at(entry_of(chunk, i)).lib;
      if (named++ != 0 && lib.sequence <= last) return RestoreFault::kDirectory;
      last = lib.sequence;
      if ((lib.flags & image::kLibBufCompletionRequested) != 0) ids[lib.direction].push_back(lib.transaction_id);
    }
    fault_offset_ += chunk.bytes.size();
  }
  return named == body_.packets ? RestoreFault::kNone : RestoreFault::kDirectory;
}

// A record begins there, and no entry has named it yet.
bool StreamReader::take_entry(const image::DirectoryEntry& entry) noexcept {
  if (entry.ordinal == 0 || entry.ordinal > body_.blocks) return false;
  if (entry.offset >= chunks_[entry.ordinal].bytes.size() || entry.offset % image::kRecordAlignment != 0) return false;
  const std::uint64_t bit = entry.offset / image::kRecordAlignment;
  std::uint64_t& word = starts_[first_start_[entry.ordinal - 1] + bit / 64];
  const std::uint64_t mask = std::uint64_t{1} << bit % 64;
  if ((word & mask) == 0) return false;
  word &= ~mask;
  return true;
}

StreamRecord StreamReader::record_at(const image::DirectoryEntry& entry) const noexcept {
  StreamRecord record;
  record.lib_buf = chunks_[entry.ordinal].bytes.data() + entry.offset;
  std::memcpy(&record.lib, record.lib_buf, sizeof record.lib);
  record.save_buf = record.lib_buf + image::save_buf_offset(record.lib.payload_bytes);
  return record;
}

void StreamReader::fetch(const image::DirectoryEntry& entry, std::size_t lines) const noexcept {
  const std::byte* const record = chunks_[entry.ordinal].bytes.data() + entry.offset;
  for (std::size_t line = 0; line < lines; ++line) base::prefetch(record + line * base::kCacheLine);
}

void StreamReader::clear() noexcept {
  chunks_.clear();
  copies_.clear();
  starts_.clear();
  first_start_.clear();
  of_direction_[0] = of_direction_[1] = 0;
  bytes_taken_ = 0;
}

}  // namespace vmbsave::restore
