#include "trace/trace_error.hpp"

#include <fmt/format.h>

#include "harness/one_line.hpp"

namespace vmbsave::trace {
namespace {

using bench::one_line;

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
