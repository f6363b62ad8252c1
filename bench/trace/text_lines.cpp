#include "trace/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace vmbsave::trace {
namespace {

constexpr std::size_t kLinesBufferBytes = 65536;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view without_mark(std::string_view text) {
  return text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

std::string_view without_return(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == line.npos; }

}  // namespace

std::string_view first_line(std::string_view head, bool whole) {
  const std::size_t end = head.find('\n');
  if (end == head.npos && !whole) return {};
  return without_return(without_mark(head.substr(0, end)));
}

TextLines::TextLines(const std::filesystem::path& path, const Progress& progress)
    : place_{path, {}, 0},
      file_(path, place_),
      progress_(progress),
      total_(std::filesystem::file_size(path)),
      buffer_(kLinesBufferBytes) {}

bool TextLines::next() {
  do {
    if (!next_raw()) return false;
  } while (is_blank(line_));
  return true;
}

void TextLines::fail(std::string_view expected, std::string_view found) const {
  throw TraceError(place_,
                   fmt::format("line {}: expected {}, found {}", std::max<std::uint64_t>(number_, 1), expected, found));
}

bool TextLines::next_raw() {
  if (end_ - begin_ <= kMostLineBytes) fill();
  if (begin_ == end_) return false;
  const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
  const std::size_t size = std::min(rest.find('\n'), rest.size());
  place_.offset = next_offset_;
  ++number_;
  if (size > kMostLineBytes) {
    fail(fmt::format("a line of at most {} bytes", kMostLineBytes), "a longer one (is this a text file?)");
  }
  const std::size_t taken = std::min(size + 1, rest.size());
  begin_ += taken;
  next_offset_ += taken;
  line_ = without_return(rest.substr(0, size));
  if (number_ == 1) line_ = without_mark(line_);
  return true;
}

// Makes room behind what is left, and reads into it.
void TextLines::fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const std::size_t got = file_.read(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  if (progress_ && got != 0) progress_(std::min(next_offset_ + end_, total_), total_);
}

}  // namespace vmbsave::trace
