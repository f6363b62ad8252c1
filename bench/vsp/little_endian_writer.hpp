// little_endian_writer.hpp: for statements of what must be saved, which are written field by field.
#pragma once

#include <cstdint>

namespace vmbsave::bench {

class LittleEndianWriter {
 public:
  explicit LittleEndianWriter(std::uint8_t* out) : at_(out) {}

  void put(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) *at_++ = static_cast<std::uint8_t>(value >> (8 * i));
  }

 private:
  std::uint8_t* at_;
};

}  // namespace vmbsave::bench
