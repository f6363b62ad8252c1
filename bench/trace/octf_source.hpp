#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "trace/trace.hpp"

namespace vmbsave::trace {

/// One octf.trace.N while it is visited.
struct QueueFile {
  Place start;          // names it in errors
  std::uint16_t queue;  // N
  /// The next bytes, at most `size`; 0 at the end. Throws TraceError.
  std::function<std::size_t(char* out, std::size_t size)> read;
};

/// Visits every octf.trace.N of a directory or of a tar or tar.xz archive, at any depth. Throws TraceError if there is
/// none, or two of one queue: two traces in one place must not be taken for one.
void visit_queue_files(const std::filesystem::path& trace, const Progress& progress,
                       const std::function<void(const QueueFile&)>& visit);

}  // namespace vmbsave::trace
