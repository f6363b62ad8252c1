#include "trace/spool.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

#include "harness/nameless_file.hpp"
#include "harness/one_line.hpp"

namespace vmbsave::trace {
namespace {

constexpr std::size_t kMostStepBytes = std::size_t{256} << 20;

std::size_t spool_memory = std::size_t{64} << 20;

std::string folder() {
  const char* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
}

[[noreturn]] void fail(const std::string& what, const std::error_code& error) {
  throw SpoolError(
      bench::one_line(fmt::format("more requests than fit into memory: {} in {}: {}; give a folder with room as TMPDIR",
                                  what, folder(), error.message())));
}

int open_file() {
  try {
    return bench::open_nameless(folder(), "vmbsave-spool-");
  } catch (const std::system_error& error) {
    fail("cannot make a file", error.code());
  }
}

void allocate(int file, std::size_t from, std::size_t to) {
  try {
    bench::allocate_blocks(file, from, to);
  } catch (const std::system_error& error) {
    fail(fmt::format("no room for {} bytes", to), error.code());
  }
}

}  // namespace

std::size_t set_spool_memory(std::size_t bytes) noexcept { return std::exchange(spool_memory, bytes); }

SpoolRoom::~SpoolRoom() {
  if (file_ < 0) {
    std::free(bytes_);
    return;
  }
  if (bytes_ != nullptr) munmap(bytes_, size_);
  close(file_);
}

void SpoolRoom::swap(SpoolRoom& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  std::swap(file_, other.file_);
}

// Twice as much, but a long file by steps: what is allocated and not used is somebody else's room.
void SpoolRoom::grow() {
  const std::size_t size = size_ + std::clamp(size_, kLeastBytes, kMostStepBytes);
  if (file_ >= 0) {
    grow_file(size);
  } else if (size <= spool_memory) {
    grow_memory(size);
  } else {
    move_to_file(size);
  }
}

void SpoolRoom::grow_memory(std::size_t size) {
  void* const bytes = std::realloc(bytes_, size);
  if (bytes == nullptr) throw std::bad_alloc();
  bytes_ = bytes;
  size_ = size;
}

void SpoolRoom::move_to_file(std::size_t size) {
  SpoolRoom in_file;  // closes the file if there is no room
  in_file.file_ = open_file();
  allocate(in_file.file_, 0, size);
  void* const bytes = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, in_file.file_, 0);
  if (bytes == MAP_FAILED)
    fail(fmt::format("cannot map {} bytes", size), std::error_code(errno, std::generic_category()));
  in_file.bytes_ = bytes;
  in_file.size_ = size;
  if (size_ > 0) std::memcpy(bytes, bytes_, size_);
  swap(in_file);
}

void SpoolRoom::grow_file(std::size_t size) {
  allocate(file_, size_, size);
  void* const bytes = mremap(bytes_, size_, size, MREMAP_MAYMOVE);
  if (bytes == MAP_FAILED)
    fail(fmt::format("cannot map {} bytes", size), std::error_code(errno, std::generic_category()));
  bytes_ = bytes;
  size_ = size;
}

}  // namespace vmbsave::trace
