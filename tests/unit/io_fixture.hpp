// io_fixture.hpp: bytes to write, folders to write them to, and systems that refuse.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "unit/processes.hpp"
#include "vmbsave/io.hpp"

namespace vmbsave::test {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;
using Random = std::mt19937_64;

inline constexpr int kCannot = 77;  // the refusal itself was refused

// No two places look alike, so that bytes out of place show.
inline Bytes some_bytes(std::size_t size, std::uint64_t seed = 1) {
  Bytes bytes(size);
  Random random(seed);
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(random()); });
  return bytes;
}

inline Bytes bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Bytes bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

inline void put_bytes(const fs::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline Status write_in_pieces(io::Sink& sink, std::span<const std::byte> bytes, Random& random, std::size_t most) {
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes.size(), random() % (most + 1));
    if (const Status status = sink.write(bytes.first(size)); status != Status::kSuccess) return status;
    bytes = bytes.subspan(size);
  }
  return Status::kSuccess;
}

// All that the source has; stops at a failure.
inline Bytes read_in_pieces(io::Source& source, Random& random, std::size_t most) {
  Bytes bytes;
  for (;;) {
    Bytes piece(1 + random() % most);
    std::size_t got = 0;
    const Status status = source.read(piece, got);
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
    if (status != Status::kSuccess || got < piece.size()) return bytes;
  }
}

// What is open in this process, as /proc shows it: files by path, io_uring as "anon_inode:[io_uring]".
inline std::vector<std::string> open_files_once() {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    files.push_back(fs::read_symlink(entry.path(), gone).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The same, when it stands still: a thread that starts may open a file of the system's for a moment.
inline std::vector<std::string> open_files() {
  std::vector<std::string> files = open_files_once();
  for (std::vector<std::string> before; files != before;) before = std::exchange(files, open_files_once());
  return files;
}

// A descriptor of this file; -1: none.
inline int descriptor_of(const fs::path& path) {
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (fs::read_symlink(entry.path(), gone) == path) return std::stoi(entry.path().filename());
  }
  return -1;
}

inline bool has_ring() {
  const std::vector<std::string> files = open_files();
  return std::count(files.begin(), files.end(), "anon_inode:[io_uring]") != 0;
}

// Empty: this build can have io_uring, and so can this process, whatever vmbsave makes of that.
inline std::string why_no_ring() {
#if VMBSAVE_URING
  io_uring_params params{};
  const long ring = syscall(SYS_io_uring_setup, 4, &params);
  if (ring < 0) return std::string("no io_uring here: ") + std::strerror(errno);
  close(static_cast<int>(ring));
  return {};
#else
  return "built without io_uring";
#endif
}

// Empty: a file in this folder can be written past the page cache, likewise.
inline std::string why_no_direct(const fs::path& folder) {
  constexpr std::size_t kBlock = 4096;
  const std::string path = folder / "direct";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0600);
  alignas(kBlock) static const std::byte block[kBlock]{};
  const bool written = fd >= 0 && pwrite(fd, block, kBlock, 0) == kBlock;
  const std::string why = written ? "" : "no O_DIRECT in " + folder.string() + ": " + std::strerror(errno);
  if (fd >= 0) close(fd);
  std::error_code none;
  fs::remove(path, none);
  return why;
}

// A folder on the disk that holds the temporary files, gone at the end of the test.
class Folder {
 public:
  Folder() {
    std::string name = fs::temp_directory_path() / "vmbsave-io-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(path_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  fs::path path_;
};

// The device /dev/NAME, of the test's own in `folder`: a sink that goes wrong would replace the machine's for
// everybody. Who may not make one could not do that either. Empty: there is none to try.
inline std::string device(const Folder& folder, const std::string& name) {
  const std::string own = folder / name;
  struct stat machines {};
  if (stat(("/dev/" + name).c_str(), &machines) != 0 || !S_ISCHR(machines.st_mode)) return {};
  if (mknod(own.c_str(), S_IFCHR | 0666, machines.st_rdev) != 0) return geteuid() == 0 ? "" : "/dev/" + name;
  const int fd = ::open(own.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return {};  // a file system without devices
  close(fd);
  return own;
}

// A system call that fails from here on in this process: always, or where an argument is so.
struct Refusal {
  struct Argument {
    unsigned index;
    std::uint32_t value;
    bool any_bit = false;  // has one of value's bits, in place of being value
  };
  unsigned call;
  int error;
  std::vector<Argument> arguments{};
};

inline bool refuse(const Refusal& refusal) {
#if defined(__x86_64__)
  constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#else
  constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#endif
  std::vector<sock_filter> program;
  const auto unless = [&](std::size_t offset, unsigned short test, std::uint32_t value) {
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
    program.push_back(BPF_JUMP(static_cast<unsigned short>(BPF_JMP | test | BPF_K), value, 1, 0));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  };
  unless(offsetof(seccomp_data, arch), BPF_JEQ, kArchitecture);
  unless(offsetof(seccomp_data, nr), BPF_JEQ, refusal.call);
  for (const Refusal::Argument& argument : refusal.arguments) {
    unless(offsetof(seccomp_data, args) + argument.index * sizeof(std::uint64_t), argument.any_bit ? BPF_JSET : BPF_JEQ,
           argument.value);
  }
  const auto error = static_cast<std::uint32_t>(refusal.error) & SECCOMP_RET_DATA;
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Runs `body`, with its expectations, in a process of its own. kCannot if it says so.
template <class F>
int expectations_in_child(F&& body) {
  return in_child([&] {
    const bool can = body();
    return testing::Test::HasFailure() ? 1 : can ? 0 : kCannot;
  });
}

}  // namespace vmbsave::test

// The expectations of a body that returns false where the system does not let it limit itself.
#define EXPECT_IN_CHILD(...)                                                              \
  do {                                                                                    \
    const int result = ::vmbsave::test::expectations_in_child(__VA_ARGS__);               \
    if (result == ::vmbsave::test::kCannot) GTEST_SKIP() << "a limit cannot be set here"; \
    EXPECT_EQ(result, 0);                                                                 \
  } while (false)
