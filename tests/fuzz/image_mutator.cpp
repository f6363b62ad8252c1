#include "fuzz/image_mutator.hpp"

#include <algorithm>
#include <utility>

#include "fuzz/image_seal.hpp"

namespace vmbsave::fuzz {
namespace {

constexpr std::size_t kHeader = sizeof(image::ChunkHeader);

}  // namespace

std::size_t random_bytes(std::uint8_t* data, std::size_t size, std::size_t) {
  static std::minstd_rand random(1);
  for (unsigned i = 0; i < 3 && size != 0; ++i) data[random() % size] = static_cast<std::uint8_t>(random());
  return size;
}

std::vector<std::byte> ImageMutator::mutated(Input image, std::size_t room) {
  Chunks chunks;
  for (const Input chunk : chunks_of(image)) chunks.emplace_back(chunk.begin(), chunk.end());
  if (chunks.empty()) chunks.emplace_back(kHeader);
  const bool sealed = !one_in(10);
  if (sealed && one_in(2)) repair(chunks);  // before: what is changed then stays
  for (std::size_t changes = 1 + below(3); changes > 0; --changes) change(chunks);
  if (sealed && one_in(2)) repair(chunks);
  if (sealed) std::for_each(chunks.begin(), chunks.end(), seal);
  return joined(chunks, room);
}

std::vector<std::byte> ImageMutator::crossed(Input one, Input other, std::size_t room) {
  Chunks chunks;
  const std::vector<Input> of_one = chunks_of(one);
  const std::vector<Input> of_other = chunks_of(other);
  const std::size_t keep = below(of_one.size() + 1);
  const std::size_t skip = below(of_other.size() + 1);
  for (std::size_t i = 0; i < keep; ++i) chunks.emplace_back(of_one[i].begin(), of_one[i].end());
  for (std::size_t i = skip; i < of_other.size(); ++i) chunks.emplace_back(of_other[i].begin(), of_other[i].end());
  repair(chunks);
  std::for_each(chunks.begin(), chunks.end(), seal);
  return joined(chunks, room);
}

std::vector<std::byte> ImageMutator::joined(const Chunks& chunks, std::size_t room) const {
  std::vector<std::byte> image;
  for (const Chunk& chunk : chunks) image.insert(image.end(), chunk.begin(), chunk.end());
  image.resize(std::min(image.size(), room));
  return image;
}

// ---- changes ----

void ImageMutator::change(Chunks& chunks) {
  if (chunks.empty()) return;
  Chunk& chunk = chunks[below(chunks.size())];
  switch (below(8)) {
    case 0:
      return move_chunks(chunks);
    case 1:
    case 2:
      return change_header(chunk);
    case 3:
      return change_bytes(chunk);
    case 4:
      return resize(chunk);
    default:
      return change_body(chunk);
  }
}

void ImageMutator::move_chunks(Chunks& chunks) {
  const std::size_t one = below(chunks.size());
  const std::size_t other = below(chunks.size());
  switch (below(3)) {
    case 0:
      std::swap(chunks[one], chunks[other]);
      break;
    case 1:
      chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(one));
      break;
    default:
      chunks.insert(chunks.begin() + static_cast<std::ptrdiff_t>(other), Chunk(chunks[one]));
  }
}

void ImageMutator::change_header(Chunk& chunk) {
  if (one_in(8)) return change_numbers(chunk, 4, 8, 2);  // version and kind
  change_numbers(chunk, 0, 32, 4);
}

void ImageMutator::change_body(Chunk& chunk) {
  switch (kind_of(chunk)) {
    case image::ChunkKind::kImage:
      return one_in(2) ? change_numbers(chunk, kHeader, kHeader + 8, 4)
                       : change_numbers(chunk, kHeader + 8, kHeader + 32, 4);
    case image::ChunkKind::kChannel:
      return one_in(2) ? change_numbers(chunk, kHeader, kHeader + 16, 4)
                       : change_numbers(chunk, kHeader + 16, kHeader + 48, 8);
    case image::ChunkKind::kBlock:
      return change_record(chunk);
    default:
      return change_numbers(chunk, kHeader, chunk.size(), 4);
  }
}

void ImageMutator::change_record(Chunk& block) {
  const std::vector<std::uint32_t> records = records_of(block);
  if (records.empty()) return change_bytes(block);
  const std::size_t at = records[below(records.size())];
  switch (below(4)) {
    case 0:
      return change_numbers(block, at, at + 16, 8);
    case 1:
      return change_numbers(block, at + 16, at + 28, 4);
    case 2:
      return change_numbers(block, at + 28, at + 30, 1);
    default: {  // what the VSP makes of it: see Mood
      const std::byte mood{static_cast<unsigned char>(0xE0 + below(8))};
      const auto lib = part_at<image::LibBuf>(block, at);
      put(block, at + image::save_buf_offset(std::min(lib.payload_bytes, 1024u)), mood);
    }
  }
}

// One of the numbers of `width` bytes that lie one behind the other.
void ImageMutator::change_numbers(Chunk& chunk, std::size_t first, std::size_t end, std::size_t width) {
  end = std::min(end, chunk.size());
  if (first + width > end) return;
  std::byte* const at = chunk.data() + first + below((end - first) / width) * width;
  std::uint64_t value = 0;
  std::memcpy(&value, at, width);
  value = number(value);
  std::memcpy(at, &value, width);
}

// Near the old one, or near a limit.
std::uint64_t ImageMutator::number(std::uint64_t old) {
  constexpr std::uint64_t kLimits[] = {0,    1,        2,         4,          16,         63,         64,        100,
                                       1024, 1u << 20, 64u << 20, 1ull << 31, 1ull << 32, 1ull << 62, 1ull << 63};
  const std::uint64_t limit = kLimits[below(std::size(kLimits))];
  switch (below(8)) {
    case 0:
      return old + 1;
    case 1:
      return old - 1;
    case 2:
      return old + 16;
    case 3:
      return old - 16;
    case 4:
      return old ^ (std::uint64_t{1} << below(64));
    case 5:
      return limit - 1;
    case 6:
      return below(256);
    default:
      return limit;
  }
}

void ImageMutator::change_bytes(Chunk& chunk) {
  const std::size_t room = chunk.size() + 64;
  const std::size_t old = chunk.size();
  chunk.resize(room);
  chunk.resize(mutate_bytes_(reinterpret_cast<std::uint8_t*>(chunk.data()), old, room));
}

// Longer or shorter, and the body with it, or not.
void ImageMutator::resize(Chunk& chunk) {
  const std::size_t bytes = 16 * (1 + below(8));
  const std::size_t size = one_in(2) ? chunk.size() + bytes : chunk.size() - std::min(chunk.size(), bytes);
  auto header = part_at<image::ChunkHeader>(chunk, 0);
  if (one_in(2)) header.body += static_cast<std::uint32_t>(size - chunk.size());
  chunk.resize(size);
  put(chunk, 0, header);
}

// ---- what must agree with each other, mostly made so ----

void ImageMutator::repair(Chunks& chunks) {
  std::uint32_t channel = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (kind_of(chunks[i]) != image::ChunkKind::kChannel) continue;
    std::size_t end = i + 1;
    while (end < chunks.size() && kind_of(chunks[end]) != image::ChunkKind::kChannel &&
           kind_of(chunks[end]) != image::ChunkKind::kEnd) {
      ++end;
    }
    for (std::size_t c = i; c < end; ++c) {
      auto header = part_at<image::ChunkHeader>(chunks[c], 0);
      header.channel = channel;
      header.ordinal = static_cast<std::uint32_t>(c - i);
      put(chunks[c], 0, header);
    }
    repair_stream(chunks, i, end);
    ++channel;
  }
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  for (const Chunk& chunk : chunks) {
    bytes += base::align_up(chunk.size(), image::kChunkAlignment);
    if (kind_of(chunk) == image::ChunkKind::kChannel) packets += part_at<image::ChannelBody>(chunk, kHeader).packets;
  }
  if (chunks.empty() || kind_of(chunks.front()) != image::ChunkKind::kImage) return;
  auto body = part_at<image::ImageBody>(chunks.front(), kHeader);
  const bool streamed = (part_at<image::ChunkHeader>(chunks.front(), 0).required & image::kStreamed) != 0;
  body.bytes = streamed ? 0 : bytes;
  body.packets = packets;
  if (streamed) put(chunks.back(), kHeader, image::EndBody{.packets = packets, .bytes = bytes, .reserved = {}});
  if (one_in(4)) body.channels = channel;
  put(chunks.front(), kHeader, body);
}

// The numbers of one channel; its directory, if there is one chunk of it, lists what the blocks hold.
void ImageMutator::repair_stream(Chunks& chunks, std::size_t first, std::size_t end) {
  auto body = part_at<image::ChannelBody>(chunks[first], kHeader);
  std::vector<std::pair<std::uint64_t, image::DirectoryEntry>> entries;
  body.stream_bytes = 0;
  body.blocks = 0;
  for (std::size_t c = first; c < end; ++c) {
    body.stream_bytes += base::align_up(chunks[c].size(), image::kChunkAlignment);
    if (kind_of(chunks[c]) != image::ChunkKind::kBlock) continue;
    ++body.blocks;
    const std::vector<std::uint32_t> records = records_of(chunks[c]);
    for (const std::uint32_t at : records) {
      entries.push_back({part_at<image::LibBuf>(chunks[c], at).sequence, {static_cast<std::uint32_t>(c - first), at}});
    }
    auto header = part_at<image::ChunkHeader>(chunks[c], 0);
    header.count = static_cast<std::uint32_t>(records.size());
    put(chunks[c], 0, header);
  }
  body.packets = static_cast<std::uint32_t>(entries.size());
  body.directory_chunks = image::directory_chunks(body.packets);
  put(chunks[first], kHeader, body);
  if (one_in(2) || kind_of(chunks[end - 1]) != image::ChunkKind::kDirectory) return;

  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Chunk& directory = chunks[end - 1];
  auto header = part_at<image::ChunkHeader>(directory, 0);
  header.count = body.packets;
  header.body = static_cast<std::uint32_t>(entries.size() * sizeof(image::DirectoryEntry));
  directory.resize(image::chunk_bytes(header.body));
  put(directory, 0, header);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    put(directory, kHeader + i * sizeof(image::DirectoryEntry), entries[i].second);
  }
}

}  // namespace vmbsave::fuzz
