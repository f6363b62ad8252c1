// Captures for the tests of their reader, encoded by hand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unit/trace_files.hpp"

namespace vmbsave::trace::test {

template <typename T>
std::string big_endian(T value) {
  std::string bytes = little_endian(value);
  std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

/// A number in the byte order of a file.
template <typename T>
std::string in_order(bool big, T value) {
  return big ? big_endian(value) : little_endian(value);
}

// ---- Frames ----

inline std::string mac(unsigned last) { return std::string("\x00\x15\x5d\x01\x02", 5) + static_cast<char>(last); }

inline std::string ethernet(unsigned from, unsigned to, std::uint16_t type, const std::string& payload) {
  return mac(to) + mac(from) + big_endian(type) + payload;
}

/// `fragment`: flags and offset, as they lie in the header.
inline std::string ipv4(const std::string& from, const std::string& to, unsigned protocol, const std::string& payload,
                        std::uint16_t fragment = 0x4000, unsigned header_words = 5) {
  const auto length = static_cast<std::uint16_t>(4 * header_words + payload.size());
  return static_cast<char>(0x40 | header_words) + std::string(1, '\0') + big_endian(length) +
         big_endian(std::uint16_t{7}) + big_endian(fragment) + '\x40' + static_cast<char>(protocol) +
         big_endian(std::uint16_t{0}) + from + to + std::string(4 * (header_words - 5), '\1') + payload;
}

inline std::string ipv6(const std::string& from, const std::string& to, unsigned next, const std::string& payload) {
  return big_endian(std::uint32_t{0x60000000}) + big_endian(static_cast<std::uint16_t>(payload.size())) +
         static_cast<char>(next) + '\x40' + from + to + payload;
}

inline std::string ports(unsigned from, unsigned to) {
  return big_endian(static_cast<std::uint16_t>(from)) + big_endian(static_cast<std::uint16_t>(to)) + "payload";
}

/// A TCP segment from 10.0.0.`from` to 10.0.0.`to`, with MAC addresses that end alike.
inline std::string tcp(unsigned from, unsigned to, unsigned from_port = 1000, unsigned to_port = 445) {
  const auto address = [](unsigned last) { return std::string("\x0a\0\0", 3) + static_cast<char>(last); };
  return ethernet(from, to, 0x0800, ipv4(address(from), address(to), 6, ports(from_port, to_port)));
}

// ---- Files ----

struct PcapFormat {
  bool big = false;
  bool nanos = false;
  std::uint32_t link_type = 1;  // Ethernet
  std::uint32_t kept = 65'535;  // of each frame, at most

  std::string header() const {
    return in_order(big, nanos ? 0xa1b23c4du : 0xa1b2c3d4u) + in_order(big, std::uint16_t{2}) +
           in_order(big, std::uint16_t{4}) + std::string(8, '\0') + in_order(big, kept) + in_order(big, link_type);
  }

  /// `part`: of a second, in micro- or nanoseconds. `length`: on the wire; 0: as long as the bytes.
  std::string frame(std::uint32_t seconds, std::uint32_t part, const std::string& bytes,
                    std::uint32_t length = 0) const {
    const std::string data = bytes.substr(0, kept);
    const auto wire = length == 0 ? static_cast<std::uint32_t>(bytes.size()) : length;
    return in_order(big, seconds) + in_order(big, part) + in_order(big, static_cast<std::uint32_t>(data.size())) +
           in_order(big, wire) + data;
  }
};

struct PcapngFormat {
  bool big = false;

  std::string block(std::uint32_t type, const std::string& body) const {
    const std::string padded = body + std::string((4 - body.size() % 4) % 4, '\0');
    const std::string length = in_order(big, static_cast<std::uint32_t>(padded.size() + 12));
    return in_order(big, type) + length + padded + length;
  }
  std::string section() const {
    return block(0x0A0D0D0A, in_order(big, 0x1A2B3C4Du) + in_order(big, std::uint16_t{1}) +
                                 in_order(big, std::uint16_t{0}) + std::string(8, '\xff'));
  }
  /// `decimals`: of the times of its frames, in seconds.
  std::string interface(std::uint16_t link_type = 1, unsigned decimals = 6) const {
    const std::string resolution = in_order(big, std::uint16_t{9}) + in_order(big, std::uint16_t{1}) +
                                   static_cast<char>(decimals) + std::string(3, '\0');
    return block(1, in_order(big, link_type) + in_order(big, std::uint16_t{0}) + in_order(big, 65'535u) + resolution +
                        std::string(4, '\0'));
  }
  std::string frame(std::uint64_t time, const std::string& bytes) const {
    const auto length = static_cast<std::uint32_t>(bytes.size());
    return block(6, in_order(big, 0u) + in_order(big, static_cast<std::uint32_t>(time >> 32)) +
                        in_order(big, static_cast<std::uint32_t>(time)) + in_order(big, length) +
                        in_order(big, length) + bytes);
  }
};

}  // namespace vmbsave::trace::test
