#include "harness/whole_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace vmbsave::bench {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw std::runtime_error(fmt::format("cannot write {}: {}: {}", path, what, std::strerror(errno)));
}

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return fsync(file) == 0;
}

// Where the bytes go: the file behind a link, and never in the place of a device or a pipe.
std::string target_of(const std::string& path) {
  std::error_code none;
  const std::filesystem::file_status status = std::filesystem::status(path, none);
  if (!std::filesystem::exists(status)) return path;
  if (!std::filesystem::is_regular_file(status)) {
    throw std::runtime_error(fmt::format("cannot write {}: it is there and no regular file", path));
  }
  return std::filesystem::canonical(path).string();
}

// A fixed name: what a killed process leaves behind is named, and overwritten by the next one.
std::string partial_of(const std::string& path) { return path + ".partial"; }

int create_partial(const std::string& path) {
  const int file = open(partial_of(path).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail(path, "create");
  return file;
}

}  // namespace

void expect_writable(const std::string& file_path) {
  const std::string path = target_of(file_path);
  close(create_partial(path));
  unlink(partial_of(path).c_str());
}

void write_file(const std::string& file_path, std::span<const std::byte> bytes) {
  const std::string path = target_of(file_path);
  const std::string partial = partial_of(path);
  const int file = create_partial(path);
  struct stat old {};
  if (stat(path.c_str(), &old) == 0) (void)fchmod(file, old.st_mode & 07777);
  const bool written = write_all(file, bytes);
  const int error = errno;
  close(file);
  errno = error;
  if (written && std::rename(partial.c_str(), path.c_str()) == 0) return;
  const int cause = errno;
  unlink(partial.c_str());
  errno = cause;
  fail(path, "write");
}

}  // namespace vmbsave::bench
