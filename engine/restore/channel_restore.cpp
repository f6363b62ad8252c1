#include "restore/channel_restore.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace vmbsave::restore {

using image::Chunk;
using image::ChunkKind;

namespace {

// A channel that numbers 10^9 packets a second gets there in 146 years: beyond is damage, and what follows must not
// wrap.
constexpr std::uint64_t kMostNumbers = packet::kFirstSend / 2;

bool is_numbered(const image::LibBuf& lib, const image::ChannelBody& body) noexcept {
  if (lib.direction == static_cast<std::uint8_t>(packet::Direction::kIncoming))
    return lib.sequence < body.next_sequence;
  return lib.transaction_id != 0 && lib.transaction_id < body.next_send &&
         lib.sequence == packet::kFirstSend + lib.transaction_id;
}

// A packet of the guest is in no queue of the host's; one of the host's without a completion to come is in use only
// while it is.
bool is_consistent(const image::LibBuf& lib) noexcept {
  const bool queued = (lib.flags & image::kLibBufQueued) != 0;
  if ((lib.flags & ~(image::kLibBufCompletionRequested | image::kLibBufQueued)) != 0) return false;
  if (lib.direction == static_cast<std::uint8_t>(packet::Direction::kIncoming))
    return !queued && lib.payload_bytes == 0;
  return queued || (lib.payload_bytes == 0 && (lib.flags & image::kLibBufCompletionRequested) != 0);
}

}  // namespace

void ChannelRestore::AlignedDelete::operator()(std::byte* bytes) const noexcept {
  ::operator delete[](bytes, std::align_val_t{image::kChunkAlignment});
}

Status ChannelRestore::feed(std::span<const std::byte> bytes) noexcept {
  const Status status = check(bytes);
  return status == Status::kSuccess ? run() : status;
}

Status ChannelRestore::check(std::span<const std::byte> bytes) noexcept {
  if (!may_feed()) return Status::kInvalidDeviceState;
  state_ = State::kUnderway;
  const Status status = guarded([&] { return take(bytes); });
  if (status == Status::kSuccess) {
    state_ = State::kChecked;
  } else if (status != Status::kMoreProcessingRequired) {
    reset(State::kNew);
  }
  return status;
}

Status ChannelRestore::run() noexcept {
  if (state_ != State::kChecked) return Status::kInvalidDeviceState;
  if (channel_.table().count_used() != 0) {  // sent between two chunks: its id may be one of the stream's
    reset(State::kNew);
    return Status::kInvalidDeviceState;
  }
  const void* const outer = std::exchange(packet::restoring_channel, &channel_);
  const Status status = guarded([this] { return run_callbacks(); });
  packet::restoring_channel = outer;
  if (status != Status::kSuccess) channel_.drop_all();
  reset(status == Status::kSuccess ? State::kDone : State::kNew);
  return status;
}

bool ChannelRestore::may_feed() const noexcept {
  if (state_ == State::kDone || state_ == State::kChecked) return false;
  return state_ == State::kUnderway || channel_.table().count_used() == 0;
}

template <class Step>
Status ChannelRestore::guarded(Step&& step) noexcept {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    return Status::kInsufficientResources;
  } catch (...) {
    return Status::kUnhandledException;
  }
}

Status ChannelRestore::take(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Status::kInvalidBufferSize;
  const std::size_t first_chunk = chunks_.size();
  const bool aligned = base::is_aligned(bytes.data(), image::kRecordAlignment);
  while (!bytes.empty()) {
    if (last_chunk_taken()) return Status::kDataError;
    Chunk chunk;
    if (const Status status = image::read_chunk(bytes, chunk); status != Status::kSuccess) return status;
    if (const Status status = accept(chunk); status != Status::kSuccess) return status;
    bytes = bytes.subspan(chunk.bytes.size());
    bytes_taken_ += chunk.bytes.size();
    if (bytes_taken_ > body_.stream_bytes) return Status::kDataError;
  }
  const bool last = last_chunk_taken();
  if (!last || !aligned) keep(first_chunk);
  if (!last) return Status::kMoreProcessingRequired;
  if (bytes_taken_ != body_.stream_bytes) return Status::kDataError;
  if (const Status status = read_blocks(); status != Status::kSuccess) return status;
  if (const Status status = order_records(); status != Status::kSuccess) return status;
  return check_transaction_ids();
}

// Chunks come in the order in which they were saved: the channel's own, its blocks, its directory.
Status ChannelRestore::accept(const Chunk& chunk) {
  const std::size_t ordinal = chunks_.size();
  if (chunk.header.ordinal != ordinal) return Status::kDataError;
  if (ordinal == 0) {
    if (const Status status = accept_channel(chunk); status != Status::kSuccess) return status;
    chunks_.reserve(std::size_t{1} + body_.blocks + body_.directory_chunks);
  } else {
    const ChunkKind expected = ordinal <= body_.blocks ? ChunkKind::kBlock : ChunkKind::kDirectory;
    if (chunk.kind() != expected || chunk.header.channel != number_) return Status::kDataError;
  }
  chunks_.push_back(chunk);
  return Status::kSuccess;
}

Status ChannelRestore::accept_channel(const Chunk& chunk) noexcept {
  if (chunk.kind() != ChunkKind::kChannel) return Status::kDataError;
  if (const Status status = image::read_body(chunk, body_); status != Status::kSuccess) return status;
  number_ = chunk.header.channel;
  const packet::ChannelConfig& config = channel_.config();
  const bool restores = body_.packets != 0 && !config.abandon_on_restore;
  if (body_.packets > image::kMaxPackets) return Status::kQuotaExceeded;
  if (restores && body_.packets > std::uint64_t{config.capacity} + config.sends) return Status::kQuotaExceeded;
  if (restores && config.restore_packet == nullptr) return Status::kInvalidDeviceState;
  if (body_.next_sequence > kMostNumbers || body_.next_send > kMostNumbers || body_.blocks > body_.packets ||
      body_.directory_chunks != image::directory_chunks(body_.packets)) {
    return Status::kDataError;
  }
  return Status::kSuccess;
}

bool ChannelRestore::last_chunk_taken() const noexcept {
  return !chunks_.empty() && chunks_.size() == std::size_t{1} + body_.blocks + body_.directory_chunks;
}

// Copies the chunks from `first_chunk` on: the caller's buffer is his again after the call, or is not aligned for the
// callbacks.
void ChannelRestore::keep(std::size_t first_chunk) {
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

Status ChannelRestore::read_blocks() {
  found_.reserve(body_.packets);
  first_found_.reserve(std::size_t{body_.blocks} + 1);
  for (std::uint32_t ordinal = 1; ordinal <= body_.blocks; ++ordinal) {
    first_found_.push_back(found_.size());
    if (const Status status = read_block(chunks_[ordinal]); status != Status::kSuccess) return status;
  }
  first_found_.push_back(found_.size());
  if (found_.size() != body_.packets) return Status::kDataError;
  const packet::ChannelConfig& config = channel_.config();
  const bool fits = of_direction_[0] <= config.capacity && of_direction_[1] <= config.sends;
  return fits || config.abandon_on_restore ? Status::kSuccess : Status::kQuotaExceeded;
}

// The records lie one behind the other and fill the block's body.
Status ChannelRestore::read_block(const Chunk& block) {
  const std::uint64_t end = sizeof(image::ChunkHeader) + std::uint64_t{block.header.body};
  std::uint64_t offset = sizeof(image::ChunkHeader);
  std::uint32_t count = 0;
  for (; offset < end; ++count) {
    if (count == image::kBlockPackets) return Status::kDataError;
    image::Record record;
    if (const Status status = image::read_record(block, offset, record); status != Status::kSuccess) return status;
    if (!is_consistent(record.lib) || !is_numbered(record.lib, body_)) return Status::kDataError;
    if (record.lib.payload_bytes > channel_.config().result_bytes && !channel_.config().abandon_on_restore) {
      return Status::kInvalidBufferSize;
    }
    ++of_direction_[record.lib.direction];
    found_.push_back({record.lib, block.bytes.data() + offset, block.bytes.data() + record.save_offset});
    offset += record.lib.record_bytes;
  }
  return count == block.header.count && count != 0 ? Status::kSuccess : Status::kDataError;
}

// Every record once: as many entries as records, each at a record's start, and sequence numbers that rise strictly.
Status ChannelRestore::order_records() {
  records_.reserve(body_.packets);
  for (std::size_t i = std::size_t{1} + body_.blocks; i < chunks_.size(); ++i) {
    const std::span<const std::byte> body = chunks_[i].body();
    if (body.size() != chunks_[i].header.count * sizeof(image::DirectoryEntry)) return Status::kDataError;
    for (std::size_t at = 0; at < body.size(); at += sizeof(image::DirectoryEntry)) {
      image::DirectoryEntry entry;
      std::memcpy(&entry, body.data() + at, sizeof entry);
      const Located* const record = find(entry);
      if (record == nullptr) return Status::kDataError;
      if (!records_.empty() && record->lib.sequence <= records_.back().lib.sequence) return Status::kDataError;
      records_.push_back(*record);
    }
  }
  return records_.size() == body_.packets ? Status::kSuccess : Status::kDataError;
}

const ChannelRestore::Located* ChannelRestore::find(const image::DirectoryEntry& entry) const noexcept {
  if (entry.ordinal == 0 || entry.ordinal > body_.blocks) return nullptr;
  const std::byte* const at = chunks_[entry.ordinal].bytes.data() + entry.offset;
  const auto first = found_.begin() + static_cast<std::ptrdiff_t>(first_found_[entry.ordinal - 1]);
  const auto last = found_.begin() + static_cast<std::ptrdiff_t>(first_found_[entry.ordinal]);
  const auto record = std::find_if(first, last, [&](const Located& located) { return located.lib_buf == at; });
  return record == last ? nullptr : &*record;
}

// The ids of each direction are chosen by its sender; an id means something only where a completion was asked for.
Status ChannelRestore::check_transaction_ids() const {
  std::vector<std::uint64_t> ids[2];
  for (const Located& record : records_) {
    if ((record.lib.flags & image::kLibBufCompletionRequested) == 0) continue;
    ids[record.lib.direction].push_back(record.lib.transaction_id);
  }
  for (auto& of_direction : ids) {
    std::sort(of_direction.begin(), of_direction.end());
    if (std::adjacent_find(of_direction.begin(), of_direction.end()) != of_direction.end()) {
      return Status::kObjectNameCollision;
    }
  }
  return Status::kSuccess;
}

Status ChannelRestore::run_callbacks() {
  Status status = Status::kSuccess;
  channel_.reserve(body_.next_sequence, body_.next_send);  // also what is abandoned keeps its ids: the guest may answer
  if (channel_.config().abandon_on_restore) return status;
  channel_.restore_target = this;
  for (const Located& record : records_) {
    status = run_callback(record);
    if (status != Status::kSuccess) break;
  }
  channel_.restore_target = nullptr;
  return status;
}

Status ChannelRestore::run_callback(const Located& record) {
  current_ = &record;
  adopted_ = false;
  violated_ = false;
  const auto lib_bytes = static_cast<std::uint32_t>(sizeof(image::LibBuf) + record.lib.payload_bytes);
  const packet::ChannelConfig& config = channel_.config();
  // The documented signature has no const; the bytes are the VSP's to read.
  const auto status =
      static_cast<Status>(config.restore_packet(config.handle, const_cast<std::byte*>(record.lib_buf), lib_bytes,
                                                const_cast<std::byte*>(record.save_buf), record.lib.save_bytes));
  current_ = nullptr;
  // The one means progress to the caller of a restore, and a failure would be taken for it; the other means later, and
  // there is none.
  if (status == Status::kMoreProcessingRequired || status == Status::kPending) return Status::kInvalidDeviceRequest;
  if (!succeeded(status)) return status;
  return adopted_ && !violated_ ? Status::kSuccess : Status::kInvalidDeviceRequest;
}

Status ChannelRestore::restore_packet(packet::Packet& packet, std::span<const std::byte> lib_buf) noexcept {
  if (current_ == nullptr) return Status::kInvalidDeviceState;
  const std::size_t expected = sizeof(image::LibBuf) + current_->lib.payload_bytes;
  if (adopted_ || packet.in_use || lib_buf.size() != expected ||
      std::memcmp(lib_buf.data(), current_->lib_buf, expected) != 0) {
    violated_ = true;
    return Status::kInvalidParameter;
  }
  const image::LibBuf& lib = current_->lib;
  packet.transaction_id = lib.transaction_id;
  packet.sequence = lib.sequence;
  packet.completion_requested = (lib.flags & image::kLibBufCompletionRequested) != 0;
  packet.queued = (lib.flags & image::kLibBufQueued) != 0;
  packet.data_bytes = lib.payload_bytes;
  std::memcpy(packet.payload(channel_.config().context_bytes), current_->lib_buf + sizeof lib, lib.payload_bytes);
  switch (channel_.adopt(packet, static_cast<packet::Direction>(lib.direction))) {
    case packet::ClaimStatus::kClaimed:
      adopted_ = true;
      return Status::kSuccess;
    case packet::ClaimStatus::kPaused:
      return Status::kDeviceBusy;
    case packet::ClaimStatus::kFull:
      return Status::kQuotaExceeded;
  }
  return Status::kUnsuccessful;
}

void ChannelRestore::reset(State state) noexcept {
  state_ = state;
  channel_.restore_target = nullptr;
  chunks_.clear();
  copies_.clear();
  found_.clear();
  first_found_.clear();
  records_.clear();
  of_direction_[0] = of_direction_[1] = 0;
  current_ = nullptr;
  bytes_taken_ = 0;
}

}  // namespace vmbsave::restore
