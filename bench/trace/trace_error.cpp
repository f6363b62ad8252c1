#include "trace/trace_error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vmbsave::trace {
namespace {

// Names of files and of archive members may hold any byte: a control character must not break the line.
std::string one_line(std::string text) {
  const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

std::string place_text(const Place& place) {
  const std::string member = place.member.empty() ? "" : place.member + ": ";
  return fmt::format("{}: {}offset {}", place.file.string(), member, place.offset);
}

}  // namespace

TraceError::TraceError(const std::filesystem::path& file, const std::string& problem)
    : std::runtime_error(one_line(fmt::format("cannot read trace {}: {}", file.string(), problem))) {}

TraceError::TraceError(const Place& place, const std::string& problem)
    : std::runtime_error(one_line(fmt::format("cannot read trace {}: {}", place_text(place), problem))) {}

}  // namespace vmbsave::trace
