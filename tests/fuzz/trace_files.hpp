// trace_files.hpp: bytes as a file that a trace reader can open.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "fuzz/target.hpp"
#include "trace/trace.hpp"

namespace vmbsave::fuzz {

// A file in memory.
class MemoryFile {
 public:
  explicit MemoryFile(Input bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

// A folder of this program's own, in memory where there is such a place; gone with the program.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  void write(const std::string& name, Input bytes) const;
  void clear() const;
  // Files one behind the other, and no others: a number, the length as 16 bits, the bytes; the last may be shorter.
  void fill(Input input, const std::function<std::string(unsigned number)>& name) const;

 private:
  std::filesystem::path path_;
};

// Reads the trace, by its content or as that format. It is read, and then sound, or refused with a TraceError of one
// line.
void read_or_refuse(const std::filesystem::path& trace, const std::string& format = {},
                    const std::optional<trace::MacAddress>& guest = {});

}  // namespace vmbsave::fuzz
