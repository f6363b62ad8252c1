// calls_stream.hpp: what a channel's saved stream holds, read without the code that restores it.
#pragma once

#include <set>
#include <vector>

#include "fuzz/calls_line.hpp"
#include "image/chunk_reader.hpp"

namespace vmbsave::fuzz {

struct CallsStream {
  std::vector<UINT8> bytes;
  std::vector<std::size_t> ends;  // of its chunks
  std::set<PacketId> packets;
  bool sealed = true;  // with checksums

  explicit CallsStream(std::vector<UINT8> stream) : bytes(std::move(stream)) {
    Input rest = std::as_bytes(std::span(bytes));
    while (!rest.empty()) {
      image::Chunk chunk;
      require(image::read_unchecked_chunk(rest, chunk) == RestoreFault::kNone, "whole chunks are handed out");
      sealed = sealed && chunk.header.checksum != 0;
      if (chunk.kind() == image::ChunkKind::kBlock) add_block(chunk);
      rest = rest.subspan(chunk.bytes.size());
      ends.push_back(bytes.size() - rest.size());
    }
  }

 private:
  void add_block(const image::Chunk& block) {
    std::uint64_t offset = sizeof(image::ChunkHeader);
    for (std::uint32_t i = 0; i < block.header.count; ++i) {
      image::Record record;
      require(image::read_record(block, offset, record), "records lie whole in their block");
      require(packets.emplace(record.lib.direction, record.lib.transaction_id).second, "no packet is saved twice");
      offset += record.lib.record_bytes;
    }
  }
};

}  // namespace vmbsave::fuzz
