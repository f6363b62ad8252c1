#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "trace/file_bytes.hpp"
#include "trace/trace.hpp"

namespace vmbsave::trace {

inline constexpr std::size_t kMostLineBytes = 1024;  // real lines have less than 400

/// The first line at the head of a file, without a byte-order mark and CR; empty if `head` ends within it, and is not
/// the whole file.
std::string_view first_line(std::string_view head, bool whole);

/// The lines of a text file, front to back; blank ones are left out. Takes the same memory whatever is in the file.
class TextLines {
 public:
  TextLines(const std::filesystem::path& path, const Progress& progress);

  /// Goes to the next line; false at the end. Throws TraceError for a line that is longer than a line may be.
  bool next();

  std::string_view line() const { return line_; }

  /// "expected EXPECTED, found FOUND", with the file and the line.
  [[noreturn]] void fail(std::string_view expected, std::string_view found) const;

 private:
  bool next_raw();
  void fill();

  Place place_;  // of the line
  FileBytes file_;
  Progress progress_;
  std::uint64_t total_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what is not yet taken, in the buffer
  std::size_t end_ = 0;
  std::uint64_t next_offset_ = 0;
  std::uint64_t number_ = 0;
  std::string_view line_;
};

}  // namespace vmbsave::trace
