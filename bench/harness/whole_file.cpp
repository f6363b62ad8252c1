#include "harness/whole_file.hpp"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <stdexcept>

#include "harness/interrupts.hpp"
#include "vmbsave/io.hpp"

namespace vmbsave::bench {
namespace {

[[noreturn]] void refuse(const std::string& path, const char* why) {
  throw std::runtime_error(fmt::format("cannot write {}: {}", path, why));
}

[[noreturn]] void fail(const std::string& path, const io::IoError& error) {
  if (error.status == Status::kInsufficientResources && error.error == 0) throw std::bad_alloc();
  throw std::runtime_error(
      fmt::format("cannot write {}: {}: {}", path, io::io_step_name(error.step), std::strerror(error.error)));
}

// Never in the place of a device or a pipe, also not of what standard output was sent to.
void expect_regular(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code none;
  const fs::file_status status = fs::status(path, none);
  if (path.starts_with("/dev/") || path.starts_with("/proc/")) refuse(path, "expected a regular file");
  if (fs::exists(status) && !fs::is_regular_file(status)) refuse(path, "it is there and no regular file");
  if (!fs::exists(status) && fs::is_symlink(fs::symlink_status(path, none))) refuse(path, "it is a link to nothing");
}

std::unique_ptr<io::Sink> create(const std::string& path) {
  expect_regular(path);
  io::IoError error;
  auto sink = io::create_file(path.c_str(), {.direct = false, .uring = false, .buffers = 1}, error);
  if (sink == nullptr) fail(path, error);
  return sink;
}

}  // namespace

void expect_writable(const std::string& path) {
  const HeldInterrupts held;  // the temporary file, too, is gone before the program is
  (void)create(path);
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  const HeldInterrupts held;
  const auto sink = create(path);
  if (sink->write(bytes) != Status::kSuccess || sink->finish() != Status::kSuccess) fail(path, sink->error());
  keep_when_interrupted(path);
}

}  // namespace vmbsave::bench
