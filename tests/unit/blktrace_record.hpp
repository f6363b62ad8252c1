// Records of blktrace, encoded by hand: nothing here is shared with the code under test.
#pragma once

#include <cstdint>
#include <string>

#include "unit/trace_files.hpp"

namespace vmbsave::trace::test {

struct Blktrace {
  std::uint64_t time = 1000;
  std::uint64_t sector = 100;
  std::uint32_t bytes = 4096;
  std::uint32_t category = 1;  // 1 read, 2 write
  std::uint32_t sequence = 1;
  std::uint32_t device = 259 << 20;
  std::uint32_t cpu = 0;
  std::string payload = "";
  std::uint32_t magic = 0x65617407;

  std::string record(std::uint32_t action) const {
    constexpr std::uint32_t kPid = 4711;
    constexpr std::uint16_t kError = 0;
    return little_endian(magic) + little_endian(sequence) + little_endian(time) + little_endian(sector) +
           little_endian(bytes) + little_endian(category << 16 | action) + little_endian(kPid) + little_endian(device) +
           little_endian(cpu) + little_endian(kError) + little_endian(static_cast<std::uint16_t>(payload.size())) +
           payload;
  }
  std::string queued() const { return record(1); }
  std::string requeued() const { return record(6); }
  std::string issued() const { return record(7); }
  std::string completed() const { return record(8); }
};

}  // namespace vmbsave::trace::test
