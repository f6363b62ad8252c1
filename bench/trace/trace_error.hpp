#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace vmbsave::trace {

/// Where a reader stands.
struct Place {
  std::filesystem::path file;  // what the caller named: a file, an archive or a directory
  std::string member;          // inside an archive or a directory; empty: the file itself
  std::uint64_t offset = 0;    // in bytes, in the member if there is one
};

/// A trace that cannot be read. what() is one line: "cannot read trace FILE: [MEMBER:] offset N: PROBLEM", where the
/// problem says what was expected, what was found and, where that helps, what to do.
class TraceError : public std::runtime_error {
 public:
  TraceError(const std::filesystem::path& file, const std::string& problem);
  TraceError(const Place& place, const std::string& problem);
};

}  // namespace vmbsave::trace
