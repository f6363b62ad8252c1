#include "trace/file_bytes.hpp"

#include <cerrno>
#include <system_error>

namespace vmbsave::trace {
namespace {

std::string last_error() { return std::generic_category().message(errno); }

}  // namespace

FileBytes::FileBytes(const std::filesystem::path& path, const Place& start)
    : place_(start), file_(std::fopen(path.c_str(), "rb")) {
  if (!file_) throw TraceError(place_, "cannot open: " + last_error());
}

std::size_t FileBytes::read(char* out, std::size_t size) {
  const std::size_t got = std::fread(out, 1, size, file_.get());
  place_.offset += got;
  if (got < size && std::ferror(file_.get())) throw TraceError(place_, "cannot read on: " + last_error());
  return got;
}

}  // namespace vmbsave::trace
