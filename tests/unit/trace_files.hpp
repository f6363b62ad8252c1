// Test files for the trace readers, encoded by hand: nothing here is shared with the code under test.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trace/trace.hpp"

namespace vmbsave::trace::test {

/// An empty directory for one test.
class Scratch {
 public:
  Scratch() {
    std::string name = testing::TempDir() + "vmbsave-trace-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

 private:
  std::filesystem::path path_;
};

/// The message of the TraceError with which read() fails; empty if it does not fail.
inline std::string error_of(const std::filesystem::path& path, const std::string& format = {}) {
  try {
    read(path, {}, format);
  } catch (const TraceError& error) {
    return error.what();
  }
  return "";
}

/// The error is one line that names the file and holds each of the parts.
inline void expect_error(const std::filesystem::path& path, const std::vector<std::string>& parts,
                         const std::string& format = {}) {
  const std::string error = error_of(path, format);
  EXPECT_TRUE(error.starts_with("cannot read trace " + path.string() + ": ")) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  for (const std::string& part : parts) EXPECT_NE(error.find(part), std::string::npos) << part << "\nin: " << error;
}

template <typename T>
std::string little_endian(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

/// A vSCSI record of either version.
struct Vscsi {
  std::uint32_t sn = 0x80000001;
  std::uint32_t len = 4096;
  std::uint32_t sg_elements = 1;
  std::uint16_t cmd = 0x28;
  std::uint64_t lbn = 100;
  std::uint64_t ts = 1000;
  std::uint64_t rt = 0;

  std::string v1(std::uint16_t ver = 0x0100) const {
    return little_endian(sn) + little_endian(len) + little_endian(sg_elements) + little_endian(cmd) +
           little_endian(ver) + little_endian(lbn) + little_endian(ts);
  }
  std::string v2(std::uint16_t ver = 0x0200) const {
    return little_endian(cmd) + little_endian(ver) + little_endian(sn) + little_endian(len) +
           little_endian(sg_elements) + little_endian(lbn) + little_endian(ts) + little_endian(rt);
  }
};

inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(0x80 | (value & 0x7f));
  return bytes + static_cast<char>(value);
}

/// A varint field; left out if 0, as protobuf does.
inline std::string number(unsigned field, std::uint64_t value) {
  return value == 0 ? "" : varint(field << 3) + varint(value);
}

inline std::string nested(unsigned field, const std::string& message) {
  return varint(field << 3 | 2) + varint(message.size()) + message;
}

inline std::string header(std::uint64_t sid, std::uint64_t time) { return nested(1, number(1, sid) + number(2, time)); }

/// A message behind its length, as it lies in octf.trace.N.
inline std::string framed(const std::string& message) { return varint(message.size()) + message; }

struct Octf {
  std::uint64_t sid = 1;
  std::uint64_t time = 1000;
  std::uint64_t id = 0xabc0;
  std::uint64_t lba = 100;
  std::uint64_t sectors = 8;
  std::uint64_t operation = 2;
  bool flush = false;

  std::string submission() const {
    return framed(header(sid, time) + nested(2, number(1, lba) + number(2, sectors) + number(3, 19) + number(4, 77) +
                                                    number(5, operation) + number(6, flush) + number(9, id)));
  }
  std::string completion() const {
    return framed(header(sid, time) + nested(5, number(1, lba) + number(2, sectors) + number(4, 77) + number(5, id)));
  }
  std::string device() const { return framed(header(sid, time) + nested(3, number(1, 77) + nested(2, "nvme0n1"))); }
};

using Members = std::vector<std::pair<std::string, std::string>>;  // name, bytes

/// A member of a tar archive (POSIX ustar): a header of 512 bytes, then the data filled up to 512.
inline std::string tar_member(const std::string& name, const std::string& bytes, char type = '0') {
  std::string head(512, '\0');
  head.replace(0, name.size(), name);
  head.replace(100, 7, "0000644");
  head.replace(124, 11, fmt::format("{:011o}", bytes.size()));
  head.replace(148, 8, "        ");  // the checksum counts itself as blanks
  head[156] = type;
  head.replace(257, 8, std::string("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : head) sum += static_cast<unsigned char>(c);
  head.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  return head + bytes + std::string((512 - bytes.size() % 512) % 512, '\0');
}

/// An extended header (pax) that gives the next member a name in UTF-8.
inline std::string tar_utf8_name(const std::string& name) {
  const std::string record = " path=" + name + "\n";
  return tar_member("extended", std::to_string(record.size() + 2) + record, 'x');
}

inline std::string tar(const Members& members) {
  std::string bytes;
  for (const auto& [name, data] : members) bytes += tar_member(name, data);
  return bytes + std::string(1024, '\0');
}

inline std::string xz(const std::string& bytes) {
  std::string out(bytes.size() + 65536, '\0');
  std::size_t used = 0;
  archive* const writer = archive_write_new();
  archive_entry* const entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_set_format_raw(writer);
  archive_write_add_filter_xz(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  EXPECT_EQ(archive_write_open_memory(writer, out.data(), out.size(), &used), ARCHIVE_OK);
  EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
  EXPECT_EQ(archive_write_data(writer, bytes.data(), bytes.size()), static_cast<la_ssize_t>(bytes.size()));
  archive_entry_free(entry);
  EXPECT_EQ(archive_write_free(writer), ARCHIVE_OK);
  return out.substr(0, used);
}

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The file with any one byte changed, and every beginning of it, is read or refused with a TraceError. `trace` is what
/// is read: `file` itself or a directory that holds it.
inline void expect_read_or_refused(const std::filesystem::path& trace, const std::filesystem::path& file,
                                   const std::vector<unsigned>& flips) {
  const std::string good = bytes_of(file);
  std::fstream in_place(file, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t at, unsigned byte) {
    in_place.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(byte)).flush();
  };
  for (std::size_t at = 0; at < good.size(); ++at) {
    const unsigned byte = static_cast<unsigned char>(good[at]);
    for (const unsigned flip : flips) {
      put(at, byte ^ flip);
      EXPECT_NO_THROW(error_of(trace)) << "byte " << at << " changed by " << flip;
    }
    put(at, byte);
  }
  for (std::size_t size = good.size(); size-- > 0;) {
    std::filesystem::resize_file(file, size);
    EXPECT_NO_THROW(error_of(trace)) << "cut to " << size;
  }
}

inline std::vector<unsigned> every_flip() {
  std::vector<unsigned> flips;
  for (unsigned flip = 1; flip < 256; ++flip) flips.push_back(flip);
  return flips;
}

/// A real trace below $VMBSAVE_TRACES; empty if it is not there.
inline std::filesystem::path real_trace(const std::string& name) {
  const char* const folder = std::getenv("VMBSAVE_TRACES");
  if (folder == nullptr) return {};
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

/// Largest number of requests in flight, each over [submit, complete).
inline std::int64_t peak_in_flight(std::span<const Request> requests) {
  std::vector<std::pair<std::uint64_t, int>> steps;
  for (const Request& request : requests) {
    steps.emplace_back(request.submit_ns, +1);
    if (request.complete_ns != kNoCompletion) steps.emplace_back(request.complete_ns, -1);
  }
  std::sort(steps.begin(), steps.end());  // at one time, completions first
  std::int64_t in_flight = 0;
  std::int64_t peak = 0;
  for (const auto& step : steps) peak = std::max(peak, in_flight += step.second);
  return peak;
}

}  // namespace vmbsave::trace::test
