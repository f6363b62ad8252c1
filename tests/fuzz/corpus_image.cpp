// corpus_image.cpp: images of every shape, and one for each thing that a reader refuses.
#include <functional>
#include <utility>

#include "fuzz/corpus.hpp"
#include "fuzz/image_seal.hpp"
#include "fuzz/image_vm.hpp"

namespace vmbsave::fuzz {
namespace {

constexpr std::size_t kBody = sizeof(image::ChunkHeader);
using Bytes = std::vector<std::byte>;

// An image in chunks, to be changed.
struct Chunks {
  explicit Chunks(const Bytes& image) {
    for (const Input chunk : chunks_of(image)) chunks.emplace_back(chunk.begin(), chunk.end());
  }

  template <class Part>
  Part& at(std::size_t chunk, std::size_t offset) {
    return *reinterpret_cast<Part*>(chunks[chunk].data() + offset);
  }
  image::ChunkHeader& header(std::size_t chunk) { return at<image::ChunkHeader>(chunk, 0); }
  image::ImageBody& whole() { return at<image::ImageBody>(0, kBody); }
  image::ChannelBody& channel(std::size_t chunk = 1) { return at<image::ChannelBody>(chunk, kBody); }
  image::LibBuf& record(std::size_t i) { return at<image::LibBuf>(2, records_of(chunks[2])[i]); }
  image::LibBuf& sent(std::size_t i) { return at<image::LibBuf>(3, records_of(chunks[3])[i]); }
  image::DirectoryEntry& entry(std::size_t i) {
    return at<image::DirectoryEntry>(4, kBody + i * sizeof(std::uint64_t));
  }

  // As it is written before its length is known.
  Chunks& stream() {
    header(0).required = image::kStreamed;
    whole().bytes = 0;
    Bytes& end = chunks.back();
    end.resize(image::kStreamedEndChunkBytes);
    header(chunks.size() - 1).required = image::kStreamed;
    header(chunks.size() - 1).body = sizeof(image::EndBody);
    totals() = {.packets = whole().packets, .bytes = joined().size(), .reserved = {}};
    return *this;
  }
  image::EndBody& totals() { return at<image::EndBody>(chunks.size() - 1, kBody); }

  Bytes joined() const {
    Bytes image;
    for (const Bytes& chunk : chunks) image.insert(image.end(), chunk.begin(), chunk.end());
    return image;
  }
  Bytes sealed() {
    for (Bytes& chunk : chunks) seal(chunk);
    return joined();
  }

  std::vector<Bytes> chunks;
};

Bytes state(std::size_t bytes, std::byte first = std::byte{1}) {
  Bytes made(bytes, std::byte{0x5A});
  if (!made.empty()) made.front() = first;
  return made;
}

// Packets without state, with some, sent and queued, sent and not answered.
Bytes mixed_image(unsigned channels, std::byte first = std::byte{1}) {
  ImageVm vm(channels);
  for (unsigned c = 0; c < channels; ++c) {
    vm[c].receive(c * 10 + 1, {});
    vm[c].receive(c * 10 + 2, state(20));
    vm[c].send(state(24), true, state(c * 4));
    vm[c].receive(c * 10 + 3, state(100, c + 1 == channels ? first : std::byte{1}));
    if (c == 0) vm[c].send({}, false, state(16));
  }
  return vm.save_and_discard();
}

// So many stateless packets on the second channel: more than 63 have two blocks.
Bytes large_image(unsigned packets) {
  ImageVm vm(2);
  for (unsigned i = 1; i <= packets; ++i) vm[1].receive(i, {});
  return vm.save_and_discard();
}

// The second channel as the only one: it may have more than the first of a VM holds.
Bytes second_alone(const Bytes& image) {
  Chunks two(image);
  Chunks one = two;
  one.chunks.resize(1);
  std::uint64_t bytes = two.chunks.front().size() + two.chunks.back().size();
  for (std::size_t i = 1; i + 1 < two.chunks.size(); ++i) {
    if (two.header(i).channel != 1) continue;
    two.header(i).channel = 0;
    one.chunks.push_back(two.chunks[i]);
    bytes += two.chunks[i].size();
  }
  one.chunks.push_back(two.chunks.back());
  one.whole().channels = 1;
  one.whole().bytes = bytes;
  one.whole().packets = one.channel().packets;
  return one.sealed();
}

Bytes with_payload(std::size_t bytes) {
  ImageVm vm(2);
  vm[1].send(state(bytes), true, {});
  return second_alone(vm.save_and_discard());
}

// One record more than a block may have.
Bytes overfull_block() {
  Chunks image(large_image(80));
  std::size_t block = 0;
  while (image.header(block).kind != static_cast<std::uint16_t>(image::ChunkKind::kBlock)) ++block;
  const auto record = part_at<image::LibBuf>(image.chunks[block], kBody);
  image.header(block).body += sizeof record;
  const std::size_t end = kBody + image.header(block).body;
  const std::size_t old = image.chunks[block].size();
  image.chunks[block].resize(base::align_up(std::max(old, end), image::kChunkAlignment));
  put(image.chunks[block], end - sizeof record, record);
  const std::size_t more = image.chunks[block].size() - old;
  image.whole().bytes += more;
  for (std::size_t c = 0; c < block; ++c) {
    if (image.header(c).kind == static_cast<std::uint16_t>(image::ChunkKind::kChannel) &&
        image.header(c).channel == 1) {
      image.channel(c).stream_bytes += more;
    }
  }
  return image.sealed();
}

void add_shapes(std::vector<Seed>& seeds) {
  for (unsigned channels = 1; channels <= ImageVm::kMostChannels; ++channels) {
    seeds.push_back({"empty_" + std::to_string(channels), ImageVm(channels).save_and_discard()});
    seeds.push_back({"mixed_" + std::to_string(channels), mixed_image(channels)});
  }
  for (const std::uint32_t course : {1u, 2u, 4u, 8u, 16u, 31u, 32u, 60u, 64u}) {
    Chunks image(mixed_image(2));
    image.whole().reserved0 = course;
    seeds.push_back({"course_" + std::to_string(course), image.sealed()});
  }
  for (unsigned mood = 0xE0; mood <= 0xE7; ++mood) {
    seeds.push_back({"mood_" + std::to_string(mood), mixed_image(1, static_cast<std::byte>(mood))});
  }
  seeds.push_back({"two_blocks", large_image(70)});
  seeds.push_back({"overfull_block", overfull_block()});
  seeds.push_back({"more_than_capacity", second_alone(large_image(18))});
  seeds.push_back({"more_than_channel", second_alone(large_image(30))});
  seeds.push_back({"payload_fits", with_payload(64)});
  seeds.push_back({"payload_too_long", with_payload(100)});
}

using Change = std::function<void(Chunks&)>;

// Of the image of one channel: image, channel, a block of each direction, directory and end are chunks 0 to 5.
const std::vector<std::pair<const char*, Change>>& sealed_changes() {
  static const std::vector<std::pair<const char*, Change>> changes = {
      {"image_kind", [](Chunks& c) { c.header(0).kind = 2; }},
      {"image_body", [](Chunks& c) { c.header(0).body = 32; }},
      {"image_bytes", [](Chunks& c) { c.whole().bytes += 64; }},
      {"image_channels", [](Chunks& c) { c.whole().channels = 2; }},
      {"image_other_channels", [](Chunks& c) { c.whole().channels = 7; }},
      {"image_packets", [](Chunks& c) { c.whole().packets += 1; }},
      {"end_kind", [](Chunks& c) { c.header(5).kind = 4; }},
      {"end_missing", [](Chunks& c) { c.chunks.pop_back(), c.whole().bytes -= 64; }},
      {"channel_missing", [](Chunks& c) { c.chunks.resize(1), c.whole().bytes = 128; }},
      {"channel_number", [](Chunks& c) { c.header(1).channel = 1; }},
      {"channel_body", [](Chunks& c) { c.header(1).body = 32; }},
      {"stream_short", [](Chunks& c) { c.channel().stream_bytes = 64; }},
      {"stream_long", [](Chunks& c) { c.channel().stream_bytes = UINT64_MAX; }},
      {"stream_less", [](Chunks& c) { c.channel().stream_bytes -= 64; }},
      {"packets_beyond_all", [](Chunks& c) { c.whole().packets = c.channel().packets = 1u << 21; }},
      {"packets_more", [](Chunks& c) { ++c.whole().packets, ++c.channel().packets; }},
      {"blocks_more", [](Chunks& c) { c.channel().blocks = 3; }},
      {"blocks_than_packets", [](Chunks& c) { c.channel().blocks = 9; }},
      {"directories", [](Chunks& c) { c.channel().directory_chunks = 2; }},
      {"next_sequence", [](Chunks& c) { c.channel().next_sequence = UINT64_MAX; }},
      {"next_sequence_low", [](Chunks& c) { c.channel().next_sequence = 1; }},
      {"next_send", [](Chunks& c) { c.channel().next_send = UINT64_MAX; }},
      {"next_send_low", [](Chunks& c) { c.channel().next_send = 1; }},
      {"block_ordinal", [](Chunks& c) { c.header(2).ordinal = 9; }},
      {"block_channel", [](Chunks& c) { c.header(2).channel = 9; }},
      {"block_kind", [](Chunks& c) { c.header(2).kind = 4; }},
      {"block_count", [](Chunks& c) { c.header(2).count = 99; }},
      {"block_body", [](Chunks& c) { c.header(2).body = 16; }},
      {"record_bytes", [](Chunks& c) { c.record(0).record_bytes = 0xFFFFFFF0; }},
      {"record_longer", [](Chunks& c) { c.record(0).record_bytes += 16; }},
      {"record_save_bytes", [](Chunks& c) { c.record(0).save_bytes = 4096; }},
      {"record_direction", [](Chunks& c) { c.record(0).direction = 2; }},
      {"record_flags", [](Chunks& c) { c.record(0).flags = 4; }},
      {"record_queued", [](Chunks& c) { c.record(0).flags |= image::kLibBufQueued; }},
      {"record_outgoing", [](Chunks& c) { c.record(0).direction = 1; }},
      {"record_silent", [](Chunks& c) { c.sent(1).flags = 0; }},
      {"sent_id", [](Chunks& c) { c.sent(0).transaction_id = 0; }},
      {"sent_sequence", [](Chunks& c) { c.sent(0).sequence += 1; }},
      {"sent_payload", [](Chunks& c) { c.sent(0).payload_bytes = 0xFFFFFFFF; }},
      {"record_sequence", [](Chunks& c) { c.record(1).sequence = c.record(0).sequence; }},
      {"record_id_twice", [](Chunks& c) { c.record(1).transaction_id = c.record(0).transaction_id; }},
      {"entry_ordinal_0", [](Chunks& c) { c.entry(0).ordinal = 0; }},
      {"entry_ordinal_7", [](Chunks& c) { c.entry(0).ordinal = 7; }},
      {"entry_offset", [](Chunks& c) { c.entry(0).offset += 4; }},
      {"entry_twice", [](Chunks& c) { c.entry(1) = c.entry(0); }},
      {"directory_body", [](Chunks& c) { c.header(4).body -= 4; }},
      {"directory_short", [](Chunks& c) { c.header(4).count -= 1, c.header(4).body -= 8; }},
      {"chunks_swapped", [](Chunks& c) { std::swap(c.chunks[3], c.chunks[4]); }},
      {"streamed", [](Chunks& c) { c.stream(); }},
      {"streamed_bytes", [](Chunks& c) { c.stream().whole().bytes = 64; }},
      {"streamed_totals", [](Chunks& c) { c.stream().totals().packets += 1; }},
      {"streamed_end", [](Chunks& c) { c.stream().header(5).required = 0; }},
      {"streamed_end_body", [](Chunks& c) { c.stream().header(5).body = 0; }},
      {"streamed_long", [](Chunks& c) { c.stream().channel().stream_bytes = 1u << 20; }},
      {"chunk_twice",
       [](Chunks& c) { c.chunks.insert(c.chunks.begin() + 2, c.chunks[2]), c.whole().bytes += c.chunks[2].size(); }},
  };
  return changes;
}

const std::vector<std::pair<const char*, Change>>& unsealed_changes() {
  static const std::vector<std::pair<const char*, Change>> changes = {
      {"magic", [](Chunks& c) { c.header(0).magic ^= 1; }},
      {"version", [](Chunks& c) { c.header(0).version = 2; }},
      {"required", [](Chunks& c) { c.header(0).required = 2; }},
      {"length_short", [](Chunks& c) { c.header(0).bytes = 32; }},
      {"length_odd", [](Chunks& c) { c.header(2).bytes += 8; }},
      {"length_long", [](Chunks& c) { c.header(2).bytes = 0xFFFFFFC0; }},
      {"body_long", [](Chunks& c) { c.header(2).body = c.header(2).bytes; }},
      {"checksum", [](Chunks& c) { c.header(2).checksum ^= 1; }},
      {"cut", [](Chunks& c) { c.chunks[4].resize(40); }},
      {"cut_in_header", [](Chunks& c) { c.chunks.resize(1), c.chunks[0].resize(40); }},
      {"trailing", [](Chunks& c) { c.chunks.emplace_back(64); }},
  };
  return changes;
}

}  // namespace

std::vector<Seed> image_seeds() {
  std::vector<Seed> seeds;
  add_shapes(seeds);
  const Chunks good(mixed_image(1));
  for (const auto& [name, change] : sealed_changes()) {
    Chunks image = good;
    change(image);
    seeds.push_back({std::string("sealed_") + name, image.sealed()});
  }
  for (const auto& [name, change] : unsealed_changes()) {
    Chunks image = good;
    change(image);
    seeds.push_back({std::string("broken_") + name, image.joined()});
  }
  return seeds;
}

}  // namespace vmbsave::fuzz
