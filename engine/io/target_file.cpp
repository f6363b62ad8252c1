#include "io/target_file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include "base/clock.hpp"
#include "io/io_error.hpp"

namespace vmbsave::io {
namespace {

constexpr unsigned kPermissions = 0777;

// "" for the folder that one is in.
std::string_view folder_of(std::string_view path) noexcept { return path.substr(0, path.rfind('/') + 1); }

// Where the last component is a link, `path` becomes what it points to, which need not be there. 0 or an errno.
int follow_links(std::string& path) {
  constexpr int kMostLinks = 40;
  std::array<char, PATH_MAX> target;
  for (int links = 0; links < kMostLinks; ++links) {
    const ssize_t length = readlink(path.c_str(), target.data(), target.size());
    if (length < 0) return errno == EINVAL || errno == ENOENT ? 0 : errno;
    const std::string_view to(target.data(), static_cast<std::size_t>(length));
    if (to.size() == target.size()) return ENAMETOOLONG;
    path = to.starts_with('/') ? std::string(to) : std::string(folder_of(path)).append(to);
  }
  return ELOOP;
}

// Another one each time. Collisions are met by O_EXCL, so it need not be unguessable.
std::uint64_t random_number() noexcept {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) number = base::now_ns() * 0x9E3779B97F4A7C15u;
  return number;
}

// Of a name that may be as long as a name can be.
std::string temporary_name(std::string_view name) {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kLongest = 200;
  std::string result = std::string(".").append(name.substr(0, kLongest)).append(".vmbsave-");
  std::uint64_t number = random_number();
  for (int i = 0; i < 6; ++i, number /= kLetters.size()) result += kLetters[number % kLetters.size()];
  return result;
}

}  // namespace

IoError TargetFile::open(const char* path) {
  struct stat there {};
  const bool replaces = stat(path, &there) == 0;
  if (!replaces && errno != ENOENT) return failure(IoStep::kOpen, errno);
  if (replaces && S_ISCHR(there.st_mode)) return open_device(path);
  if (replaces && !S_ISREG(there.st_mode)) return failure(IoStep::kOpen, S_ISDIR(there.st_mode) ? EISDIR : ESPIPE);
  std::string target = path;
  if (const int error = follow_links(target); error != 0) return failure(IoStep::kOpen, error);
  name_ = target.substr(folder_of(target).size());
  if (name_.empty()) return failure(IoStep::kOpen, target.empty() ? ENOENT : EISDIR);
  const std::string folder = target.size() == name_.size() ? "." : std::string(folder_of(target));
  const int fd = uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return failure(IoStep::kOpen, errno);
  folder_ = Descriptor(fd);
  return create_temporary(replaces ? there.st_mode & kPermissions : 0666, replaces);
}

// Not blocked by whatever has come there since, and nobody's controlling terminal.
IoError TargetFile::open_device(const char* path) noexcept {
  const int fd = uninterrupted([&] { return ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); });
  if (fd < 0) return failure(IoStep::kOpen, errno);
  file_ = Descriptor(fd);
  struct stat there {};
  if (fstat(fd, &there) != 0) return failure(IoStep::kOpen, errno);
  if (!S_ISCHR(there.st_mode)) return failure(IoStep::kOpen, ESPIPE);
  if (lseek(fd, 0, SEEK_CUR) < 0) return failure(IoStep::kOpen, errno);  // offsets would be ignored
  in_place_ = true;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) return failure(IoStep::kOpen, errno);
  return {};
}

IoError TargetFile::create_temporary(unsigned mode, bool replaces) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  constexpr int kTries = 100;
  int fd = -1;
  for (int i = 0; i < kTries && fd < 0; ++i) {
    temporary_ = temporary_name(name_);
    fd = uninterrupted([&] { return openat(folder_.get(), temporary_.c_str(), kFlags, mode); });
    if (fd < 0 && errno != EEXIST) break;
  }
  if (fd < 0) {
    temporary_.clear();
    return failure(IoStep::kOpen, errno);
  }
  file_ = Descriptor(fd);
  // The umask is for new files. Where this is refused the file stays narrower.
  if (replaces) (void)fchmod(fd, mode);
  return {};
}

IoError TargetFile::commit(bool durable, std::uint64_t bytes) noexcept {
  if (in_place_) return {};
  if (durable && uninterrupted([&] { return fsync(file_.get()); }) != 0) return failure(IoStep::kSync, errno, bytes);
  if (const int error = file_.close(); error != 0) return failure(IoStep::kSync, error, bytes);
  if (renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0) {
    return failure(IoStep::kRename, errno, bytes);
  }
  temporary_.clear();
  const int error = durable ? sync_folder() : 0;
  return error == 0 ? IoError{} : failure(IoStep::kSyncDirectory, error, bytes);
}

// Some file systems have folders without fsync (EINVAL), and keep their own promises.
int TargetFile::sync_folder() const noexcept {
  return uninterrupted([&] { return fsync(folder_.get()); }) == 0 || errno == EINVAL ? 0 : errno;
}

void TargetFile::remove() noexcept {
  if (!temporary_.empty()) (void)unlinkat(folder_.get(), temporary_.c_str(), 0);
  temporary_.clear();
  file_ = Descriptor();
  folder_ = Descriptor();
}

}  // namespace vmbsave::io
