#include "scenarios/vm/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "image/chunk_reader.hpp"

namespace vmbsave::bench {
namespace {

using image::Chunk;
using image::ChunkKind;

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

// Walks the chunks of an image from front to back.
class Walk {
 public:
  Walk(const Pieces& pieces, Checksums checksums) : pieces_(pieces), checksums_(checksums) { next_piece(); }

  // The next chunk is the first of the stream of this channel.
  void enter(std::uint32_t channel) noexcept {
    channel_ = channel;
    ordinal_ = 0;
  }
  void leave() noexcept { enter(0); }

  // Empty, or why the next chunk is not what is expected: this kind, its place in its stream, and nothing in what
  // version 1 leaves unused.
  std::string next(ChunkKind kind, Chunk& chunk) {
    if (const RestoreFault fault = read(chunk); fault != RestoreFault::kNone) {
      return fmt::format("chunk {}: {}", number_, restore_fault_text(fault));
    }
    if (chunk.header.required != 0) return fmt::format("chunk {} requires features", number_);
    if (chunk.kind() != kind) {
      return fmt::format("chunk {} is of kind {}, expected {}", number_, chunk.header.kind, static_cast<int>(kind));
    }
    if (chunk.header.channel != channel_ || chunk.header.ordinal != ordinal_) {
      return fmt::format("chunk {} is number {} of channel {}, expected {} of {}", number_, chunk.header.ordinal,
                         chunk.header.channel, ordinal_, channel_);
    }
    if (!is_zero(std::as_bytes(std::span(chunk.header.reserved))) ||
        !is_zero(chunk.bytes.subspan(sizeof chunk.header + chunk.header.body))) {
      return fmt::format("chunk {}: what is unused is not zero", number_);
    }
    if (kind != ChunkKind::kBlock && kind != ChunkKind::kDirectory && chunk.header.count != 0) {
      return fmt::format("chunk {} counts {} of nothing", number_, chunk.header.count);
    }
    if (is_in_stream(kind)) ++ordinal_;
    rest_ = rest_.subspan(chunk.bytes.size());
    bytes_ += chunk.bytes.size();
    next_piece();
    ++number_;
    return {};
  }

  std::uint64_t bytes() const noexcept { return bytes_; }  // of all chunks so far

  // Empty, or that there is more.
  std::string end() const { return rest_.empty() ? "" : fmt::format("{} bytes after the end", rest_.size()); }

 private:
  RestoreFault read(Chunk& chunk) const {
    if (checksums_ == Checksums::kChecked) return image::read_chunk(rest_, chunk);
    const RestoreFault fault = image::read_unchecked_chunk(rest_, chunk);
    return fault == RestoreFault::kNone && chunk.header.checksum != 0 ? RestoreFault::kChecksum : fault;
  }

  static bool is_in_stream(ChunkKind kind) noexcept { return kind != ChunkKind::kImage && kind != ChunkKind::kEnd; }

  // A piece ends with a chunk.
  void next_piece() {
    while (rest_.empty() && taken_ != pieces_.size()) rest_ = pieces_[taken_++];
  }

  const Pieces& pieces_;
  std::size_t taken_ = 0;  // pieces
  std::span<const std::byte> rest_;
  const Checksums checksums_;
  std::size_t number_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint32_t channel_ = 0;
  std::uint32_t ordinal_ = 0;
};

// A block, and what of it the directory has named.
struct Block {
  Chunk chunk;
  std::uint32_t records = 0;
  std::uint64_t bytes = 0;
};

// Each record of a block is in the directory: no other packet hides between them.
bool is_named_as_a_whole(const Block& block) {
  return block.records == block.chunk.header.count && block.bytes == block.chunk.body().size();
}

// Of one channel.
struct ChannelStates {
  const std::vector<State>* known = nullptr;
  std::vector<State>* found = nullptr;

  const State* known_at(std::size_t i) const { return known != nullptr && i < known->size() ? &(*known)[i] : nullptr; }
  void note(std::span<const std::byte> state) const {
    if (found == nullptr) return;
    const auto* const bytes = reinterpret_cast<const UINT8*>(state.data());
    found->emplace_back(bytes, bytes + state.size());
  }
};

std::string channel_difference(Walk& walk, const std::vector<VMBS_VSP_REQUEST>& expected, const VMBS_VSP& vsp,
                               const ChannelStates& states) {
  Chunk chunk;
  const std::uint64_t start = walk.bytes();
  if (std::string why = walk.next(ChunkKind::kChannel, chunk); !why.empty()) return why;
  image::ChannelBody body;
  if (!image::read_body(chunk, body)) return "short channel chunk";
  if (!is_zero(std::as_bytes(std::span(body.reserved)))) return "channel chunk: what is unused is not zero";
  if (body.packets != expected.size()) return fmt::format("{} packets, expected {}", body.packets, expected.size());
  std::vector<Block> blocks(body.blocks);
  for (Block& block : blocks) {
    if (std::string why = walk.next(ChunkKind::kBlock, block.chunk); !why.empty()) return why;
  }
  ReferenceState reference;
  std::size_t i = 0;
  std::uint64_t last_sequence = 0;
  for (std::uint32_t d = 0; d < body.directory_chunks; ++d) {
    if (std::string why = walk.next(ChunkKind::kDirectory, chunk); !why.empty()) return why;
    if (chunk.body().size() != chunk.header.count * sizeof(image::DirectoryEntry)) return "length of a directory";
    for (std::size_t at = 0; at < chunk.body().size(); at += sizeof(image::DirectoryEntry), ++i) {
      image::DirectoryEntry entry;
      std::memcpy(&entry, chunk.body().data() + at, sizeof entry);
      if (i == expected.size() || entry.ordinal == 0 || entry.ordinal > blocks.size()) return "directory out of range";
      Block& block = blocks[entry.ordinal - 1];
      image::Record record;
      if (!image::read_record(block.chunk, entry.offset, record)) return "record out of range";
      if (i != 0 && record.lib.sequence <= last_sequence) return "sequence numbers do not rise";
      last_sequence = record.lib.sequence;
      ++block.records;
      block.bytes += record.lib.record_bytes;
      const auto room = block.chunk.bytes.subspan(static_cast<std::size_t>(record.save_offset),
                                                  entry.offset + record.lib.record_bytes - record.save_offset);
      std::string why = record_difference(record.lib, room, expected[i], vsp, reference, states.known_at(i));
      if (!why.empty()) return why;
      states.note(room.first(record.lib.save_bytes));
    }
  }
  if (i != expected.size()) return "directory ends early";
  if (!std::all_of(blocks.begin(), blocks.end(), is_named_as_a_whole)) return "a block holds more than its packets";
  return walk.bytes() - start == body.stream_bytes ? "" : "a channel chunk that says another size of the stream";
}

// Of a channel whose VSP has no reference_state; of others there is nothing to say.
ChannelStates states_of(const StatesOfVsp& states, std::size_t channel, const VMBS_VSP& vsp) {
  if (vsp.reference_state != nullptr) return {};
  ChannelStates of;
  if (states.known != nullptr) of.known = &states.known->at(channel);
  if (states.found != nullptr) of.found = &states.found->at(channel);
  return of;
}

std::string channels_difference(Walk& walk, const ExpectedChannels& expected, const VspKinds& vsps,
                                const StatesOfVsp& states) {
  if (states.found != nullptr) states.found->assign(expected.size(), {});
  for (std::size_t c = 0; c < expected.size(); ++c) {
    walk.enter(static_cast<std::uint32_t>(c));
    const VMBS_VSP& vsp = vsps.of_channel(c);
    if (std::string why = channel_difference(walk, expected[c], vsp, states_of(states, c, vsp)); !why.empty()) {
      return fmt::format("channel {}: {}", c, why);
    }
  }
  walk.leave();
  return {};
}

std::string state_difference(const image::LibBuf& lib, std::span<const std::byte> room,
                             std::span<const UINT8> expected) {
  if (lib.save_bytes != expected.size()) {
    return fmt::format("transaction {}: {} bytes of state, expected {}", lib.transaction_id, lib.save_bytes,
                       expected.size());
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::to_integer<UINT8>(room[i]) != expected[i]) {
      return fmt::format("transaction {}: byte {} of its state differs", lib.transaction_id, i);
    }
  }
  return {};
}

// Against what the VSP itself says, or what is known of the packet.
std::string state_difference(const image::LibBuf& lib, std::span<const std::byte> room, const VMBS_VSP_REQUEST& request,
                             const VMBS_VSP& vsp, ReferenceState& reference, const State* known) {
  if (vsp.reference_state == nullptr) return known == nullptr ? "" : state_difference(lib, room, *known);
  if (const std::string why = reference.ask(vsp, request); !why.empty()) {
    return fmt::format("transaction {}: {}", lib.transaction_id, why);
  }
  return state_difference(lib, room, reference.bytes());
}

}  // namespace

void put_receives_last(std::vector<VMBS_VSP_REQUEST>& requests) {
  std::stable_partition(requests.begin(), requests.end(),
                        [](const VMBS_VSP_REQUEST& r) { return r.operation != VMBS_VSP_RECEIVE; });
}

std::string record_difference(const image::LibBuf& lib, std::span<const std::byte> room,
                              const VMBS_VSP_REQUEST& request, const VMBS_VSP& vsp, ReferenceState& reference,
                              const State* known) {
  const bool outgoing = request.operation == VMBS_VSP_RECEIVE;
  const UINT64 transaction_id = outgoing ? request.transaction_id : request.record + 1;
  if (lib.transaction_id != transaction_id) {
    return fmt::format("transaction {} where {} is expected", lib.transaction_id, transaction_id);
  }
  if (lib.payload_bytes != 0 || lib.reserved != 0 || lib.direction != (outgoing ? 1 : 0) ||
      lib.flags != image::kLibBufCompletionRequested)
    return "direction or flags";
  if (lib.save_bytes > room.size()) {
    return fmt::format("transaction {}: {} bytes of state in {}", transaction_id, lib.save_bytes, room.size());
  }
  if (std::string why = state_difference(lib, room, request, vsp, reference, known); !why.empty()) return why;
  if (!is_zero(room.subspan(lib.save_bytes))) {
    return fmt::format("transaction {}: padding is not zero", lib.transaction_id);
  }
  return {};
}

std::string difference(std::span<const std::byte> image, const ExpectedChannels& expected, const VspKinds& vsps,
                       Checksums checksums, const StatesOfVsp& states) {
  return difference(Pieces{image}, expected, vsps, checksums, states);
}

std::string difference(const Pieces& image, const ExpectedChannels& expected, const VspKinds& vsps, Checksums checksums,
                       const StatesOfVsp& states) {
  Walk walk(image, checksums);
  Chunk chunk;
  if (std::string why = walk.next(ChunkKind::kImage, chunk); !why.empty()) return why;
  image::ImageBody totals;
  if (!image::read_body(chunk, totals)) return "short image chunk";
  if (std::string why = channels_difference(walk, expected, vsps, states); !why.empty()) return why;
  if (std::string why = walk.next(ChunkKind::kEnd, chunk); !why.empty()) return why;
  std::uint64_t packets = 0;
  for (const auto& channel : expected) packets += channel.size();
  if (totals.channels != expected.size() || totals.packets != packets || totals.bytes != walk.bytes())
    return "an image chunk that says other totals";
  return walk.end();
}

std::string streams_difference(std::span<const std::byte> streams, const ExpectedChannels& expected,
                               const VspKinds& vsps, Checksums checksums, const StatesOfVsp& states) {
  const Pieces pieces{streams};
  Walk walk(pieces, checksums);
  if (std::string why = channels_difference(walk, expected, vsps, states); !why.empty()) return why;
  return walk.end();
}

}  // namespace vmbsave::bench
