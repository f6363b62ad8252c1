#include "harness/whole_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
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

[[noreturn]] void refuse(const std::string& path, const char* why) {
  throw std::runtime_error(fmt::format("cannot write {}: {}", path, why));
}

// Where the bytes go: the file behind a link, and never in the place of a device or a pipe, also not of what standard
// output was sent to.
std::string target_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code none;
  const fs::file_status status = fs::status(path, none);
  if (path.starts_with("/dev/") || path.starts_with("/proc/")) refuse(path, "expected a regular file");
  if (!fs::exists(status)) {
    if (fs::is_symlink(fs::symlink_status(path, none))) refuse(path, "it is a link to nothing");
    return path;
  }
  if (!fs::is_regular_file(status)) refuse(path, "it is there and no regular file");
  return fs::canonical(path).string();
}

// A fixed name: what a killed process leaves behind is named, and overwritten by the next one.
std::string partial_of(const std::string& path) { return path + ".partial"; }

bool is_at(int file, const std::string& path) {
  struct stat opened {};
  struct stat found {};
  return fstat(file, &opened) == 0 && stat(path.c_str(), &found) == 0 && opened.st_ino == found.st_ino &&
         opened.st_dev == found.st_dev;
}

// Empty, and locked: two processes that write one file take turns, and the second is told.
int create_partial(const std::string& path) {
  const std::string partial = partial_of(path);
  for (;;) {
    const int file = open(partial.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) fail(path, "create");
    const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
    const int error = errno;
    if (locked && is_at(file, partial) && ftruncate(file, 0) == 0) return file;
    close(file);
    if (locked) continue;  // it got its name, or went, before it was ours
    if (error == EWOULDBLOCK) refuse(path, "another process is writing it");
    errno = error;
    fail(path, "lock");
  }
}

}  // namespace

void expect_writable(const std::string& file_path) {
  const std::string path = target_of(file_path);
  const int file = create_partial(path);
  unlink(partial_of(path).c_str());  // before it is unlocked
  close(file);
}

void write_file(const std::string& file_path, std::span<const std::byte> bytes) {
  const std::string path = target_of(file_path);
  const std::string partial = partial_of(path);
  const int file = create_partial(path);
  struct stat old {};
  if (stat(path.c_str(), &old) == 0) (void)fchmod(file, old.st_mode & 07777);
  const bool written = write_all(file, bytes) && std::rename(partial.c_str(), path.c_str()) == 0;
  const int error = errno;
  if (!written) unlink(partial.c_str());
  close(file);
  if (written) return;
  errno = error;
  fail(path, "write");
}

}  // namespace vmbsave::bench
