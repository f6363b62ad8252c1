#pragma once

#include <filesystem>
#include <vector>

namespace vmbsave::trace {

/// The files of a blktrace, which has one for each CPU: `path` itself, or NAME.blktrace.N in a directory of any name,
/// or beside each other for the NAME alone, in order of their names. Empty if there are none. Throws
/// std::filesystem::filesystem_error.
std::vector<std::filesystem::path> blktrace_files(const std::filesystem::path& path);

}  // namespace vmbsave::trace
