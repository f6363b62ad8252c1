// stream_reader.hpp: the stream of one channel, taken in whole chunks and checked; nothing of a VSP runs here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "image/chunk_reader.hpp"

namespace vmbsave::restore {

// What a channel takes. By itself, everything.
struct StreamLimits {
  std::uint64_t guest_packets = UINT64_MAX;
  std::uint64_t host_packets = UINT64_MAX;
  std::uint32_t payload_bytes = UINT32_MAX;  // of a queued packet
  bool can_restore = true;                   // false: only a stream without packets
};

// A packet of a stream, where it lies.
struct StreamRecord {
  image::LibBuf lib;
  const std::byte* lib_buf;
  const std::byte* save_buf;
};

class StreamReader {
 public:
  // Takes the next chunks, all of them whole; with the last one the stream is checked. What comes before is copied, and
  // the last bytes too if they are not aligned for the callbacks: else they must stay until clear(). After a fault,
  // clear() is due. Throws std::bad_alloc.
  RestoreFault take(std::span<const std::byte> bytes, const StreamLimits& limits);

  // The last chunk was taken.
  bool complete() const noexcept {
    return !chunks_.empty() && chunks_.size() == std::size_t{1} + body_.blocks + body_.directory_chunks;
  }

  // Of a stream whose first chunk was taken.
  const image::ChannelBody& body() const noexcept { return body_; }

  // Where in the stream the chunk of the last fault begins.
  std::uint64_t fault_offset() const noexcept { return fault_offset_; }

  // Of a complete stream: f(record) in order of arrival, until it gives false.
  template <class Function>
  void for_each_record(Function&& f) const;

  void clear() noexcept;

 private:
  struct AlignedDelete {
    void operator()(std::byte* bytes) const noexcept;
  };

  RestoreFault accept(const image::Chunk& chunk, const StreamLimits& limits);
  RestoreFault accept_channel(const image::Chunk& chunk, const StreamLimits& limits) noexcept;
  void keep(std::size_t first_chunk);
  RestoreFault check(const StreamLimits& limits);
  RestoreFault check_block(const image::Chunk& block, const StreamLimits& limits);
  RestoreFault check_record(const image::LibBuf& lib, const StreamLimits& limits) const noexcept;
  RestoreFault check_directory(std::vector<std::uint64_t> (&ids)[2]);
  bool take_entry(const image::DirectoryEntry& entry) noexcept;
  std::span<const image::Chunk> blocks() const noexcept { return std::span(chunks_).subspan(1, body_.blocks); }
  std::span<const image::Chunk> directory() const noexcept {
    return std::span(chunks_).subspan(std::size_t{1} + body_.blocks);
  }
  StreamRecord record_at(const image::DirectoryEntry& entry) const noexcept;
  void fetch(const image::DirectoryEntry& entry, std::size_t lines) const noexcept;
  static image::DirectoryEntry entry_of(const image::Chunk& directory, std::size_t number) noexcept {
    image::DirectoryEntry entry;
    std::memcpy(&entry, directory.body().data() + number * sizeof entry, sizeof entry);
    return entry;
  }

  // Records are fetched so many ahead: they lie in order of the packet table, all over the stream.
  static constexpr std::size_t kAhead = 8;

  image::ChannelBody body_{};
  std::uint32_t number_ = 0;       // of the channel, as its chunks say
  std::uint64_t bytes_taken_ = 0;  // of chunks_
  std::uint64_t fault_offset_ = 0;
  std::vector<image::Chunk> chunks_;  // by ordinal
  std::vector<std::unique_ptr<std::byte[], AlignedDelete>> copies_;
  std::vector<std::uint64_t> starts_;     // a bit for each 16 bytes of the blocks: a record begins there, not named yet
  std::vector<std::size_t> first_start_;  // of each block, in words
  std::uint64_t of_direction_[2] = {};    // packets found
};

template <class Function>
void StreamReader::for_each_record(Function&& f) const {
  constexpr std::size_t kLines = 5;  // what lies behind them is fetched by the hardware, which sees a stream
  for (const image::Chunk& chunk : directory()) {
    const std::size_t entries = chunk.header.count;
    for (std::size_t i = 0; i < entries; ++i) {
      if (i + kAhead < entries) fetch(entry_of(chunk, i + kAhead), kLines);
      if (!f(record_at(entry_of(chunk, i)))) return;
    }
  }
}

}  // namespace vmbsave::restore
