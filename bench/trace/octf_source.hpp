#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "trace/trace.hpp"

namespace vmbsave::trace {

/// One octf.trace.N while it is visited.
struct QueueFile {
  Place start;          // names it in errors
  std::uint16_t queue;  // N
  /// The next bytes, at most `size`; 0 at the end. Throws TraceError.
  std::function<std::size_t(char* out, std::size_t size)> read;
};

/// Visits every octf.trace.N of a directory or of a tar or tar.xz archive, at any depth. Gives the text of
/// octf.summary, empty if there is none. Throws TraceError if there is no queue file, or two of one queue: two traces
/// in one place must not be taken for one.
std::string visit_queue_files(const std::filesystem::path& trace, const Progress& progress,
                              const std::function<void(const QueueFile&)>& visit);

}  // namespace vmbsave::trace
