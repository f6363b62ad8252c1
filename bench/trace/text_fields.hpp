#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "trace/text_lines.hpp"

namespace vmbsave::trace {

/// The fields of a line. Those behind the last that a format knows are counted and not kept.
class Fields {
 public:
  void add(std::string_view field) {
    if (size_ < fields_.size()) fields_[size_] = field;
    ++size_;
  }

  std::size_t size() const { return size_; }
  std::string_view operator[](std::size_t i) const { return fields_[i]; }

 private:
  std::array<std::string_view, 8> fields_;
  std::size_t size_ = 0;
};

/// What lies between blanks or tabs, however many: no field is empty.
Fields words(std::string_view line);

/// What lies between commas, as it is.
Fields comma_separated(std::string_view line);

/// Decimal digits and nothing else, at most 2^64 - 1.
std::optional<std::uint64_t> to_number(std::string_view field);

/// A field for an error, in quotes and cut to what fits a line.
std::string in_quotes(std::string_view field);

/// The number in a field, up to `most`. Throws TraceError, saying `what` was expected.
std::uint64_t number_in(const TextLines& at, std::string_view field, std::string_view what, std::uint64_t most);

/// Queues by what the trace calls them, numbered in the order of their first requests.
class QueueNames {
 public:
  /// Throws TraceError when there are more than a trace can number.
  std::uint16_t number(const TextLines& at, std::string_view name);

 private:
  std::map<std::string, std::uint16_t, std::less<>> numbers_;
};

/// The blocks that [offset, offset + bytes) touches, in whole sectors, in pages that begin as the disk's do. Throws
/// TraceError for more than a request can hold.
void set_blocks(const TextLines& at, Request& request, std::uint64_t offset, std::uint64_t bytes);

}  // namespace vmbsave::trace
