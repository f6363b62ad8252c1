#include "scenarios/live/live_disk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>

#include "harness/nameless_file.hpp"
#include "mem/mapping.hpp"
#include "report/system_files.hpp"
#include "scenarios/live/block_stamps.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kStretchBytes = 1 << 20;

[[noreturn]] void refuse(const fs::path& folder, int error) {
  throw std::runtime_error(fmt::format("cannot make a disk in {}: {}; name another folder with --folder",
                                       folder.string(), std::strerror(error)));
}

// Of what is free an eighth stays so.
std::uint64_t room_in(const fs::path& folder) {
  struct statvfs there {};
  if (statvfs(folder.c_str(), &there) != 0) refuse(folder, errno);
  const std::uint64_t free = std::uint64_t{there.f_bavail} * there.f_frsize;
  return free - free / 8;
}

std::uint64_t fitting_bytes(const LiveDiskOptions& options) {
  const std::uint64_t room = room_in(options.folder) / kStretchBytes * kStretchBytes;
  if (room < options.at_least) {
    throw std::runtime_error(fmt::format(
        "too little room in {}: a disk needs {} KiB, {} KiB may be taken; name another folder with --folder",
        options.folder.string(), options.at_least >> 10, room >> 10));
  }
  return std::min(room, options.bytes);
}

// The disk that the file's device is, or that its partition lies on.
void describe_device(int fd, LiveDiskFacts& facts) {
  struct stat there {};
  if (fstat(fd, &there) != 0) return;
  std::error_code none;
  const fs::path device =
      fs::canonical(fmt::format("/sys/dev/block/{}:{}", major(there.st_dev), minor(there.st_dev)), none);
  if (none) return;
  facts.device = device.filename().string();
  auto rotational = report::read_line(device / "queue/rotational");
  if (!rotational) rotational = report::read_line(device.parent_path() / "queue/rotational");
  if (rotational) facts.rotational = *rotational == "1";
}

mem::Mapping stretch_memory() {
  mem::Mapping memory = mem::Mapping::reserve(kStretchBytes);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

LiveDisk::LiveDisk(const LiveDiskOptions& options) {
  facts_.bytes = fitting_bytes(options);
  facts_.wanted_bytes = options.bytes;
  facts_.folder = options.folder.string();
  facts_.file_system = report::file_system_of(options.folder);
  try {
    fd_ = open_nameless(options.folder, ".vmbsave-live-");
    allocate_blocks(fd_, 0, facts_.bytes);
  } catch (const std::system_error& error) {
    if (fd_ >= 0) close(fd_);
    refuse(options.folder, error.code().value());
  }
  describe_device(fd_, facts_);
  set_direct(true);
}

LiveDisk::~LiveDisk() { close(fd_); }

void LiveDisk::set_direct(bool direct) noexcept {
  const int flags = fcntl(fd_, F_GETFL);
  facts_.direct = fcntl(fd_, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0 && direct;
}

// move(offset, bytes) as pread and pwrite do it. Some file systems refuse O_DIRECT only here.
template <class Move>
void LiveDisk::for_each_stretch(Move&& move) {
  for (std::uint64_t at = 0; at < facts_.bytes; at += kStretchBytes) {
    const std::uint64_t bytes = std::min(kStretchBytes, facts_.bytes - at);
    ssize_t moved = move(at, bytes);
    if (moved < 0 && errno == EINVAL && facts_.direct) {
      set_direct(false);
      moved = move(at, bytes);
    }
    if (moved < 0 || static_cast<std::uint64_t>(moved) != bytes) {
      throw std::runtime_error(fmt::format("the disk in {} failed at byte {}: {}", facts_.folder, at,
                                           moved < 0 ? std::strerror(errno) : "fewer bytes than asked for"));
    }
  }
}

void LiveDisk::fill() {
  const mem::Mapping memory = stretch_memory();
  for (std::size_t i = 0; i < kStretchBytes; ++i) memory.data()[i] = static_cast<std::byte>(i * 31 >> 3);
  for_each_stretch([&](std::uint64_t at, std::uint64_t bytes) {
    for (std::uint64_t i = 0; i < bytes; i += kLiveBlockBytes) {
      stamp_block(memory.data() + i, (at + i) / kLiveBlockBytes, 1);
    }
    return pwrite(fd_, memory.data(), bytes, static_cast<off_t>(at));
  });
  if (fdatasync(fd_) != 0) refuse(facts_.folder, errno);
}

std::uint64_t LiveDisk::check(std::span<const Generation> generations) {
  const mem::Mapping memory = stretch_memory();
  std::uint64_t checked = 0;
  for_each_stretch([&](std::uint64_t at, std::uint64_t bytes) {
    const ssize_t moved = pread(fd_, memory.data(), bytes, static_cast<off_t>(at));
    for (std::uint64_t i = 0; moved >= 0 && i < static_cast<std::uint64_t>(moved); i += kLiveBlockBytes, ++checked) {
      const std::uint64_t block = (at + i) / kLiveBlockBytes;
      if (read_block_stamps(memory.data() + i, block) == generations[block]) continue;
      throw CheckFailed(fmt::format("at the end block {} of the disk does not hold its last write", block));
    }
    return moved;
  });
  return checked;
}

}  // namespace vmbsave::bench
