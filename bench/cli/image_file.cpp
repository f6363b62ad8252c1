#include "cli/image_file.hpp"

#include <fmt/format.h>

#include <cstring>

#include "vmbsave/io.hpp"

namespace vmbsave::cli {
namespace {

[[noreturn]] void fail(const std::string& path, const io::IoError& error) {
  const std::string why = error.error != 0 ? std::strerror(error.error) : status_name(error.status);
  throw std::runtime_error(fmt::format("{}: cannot {}: {}", path, io::io_step_name(error.step), why));
}

}  // namespace

std::vector<std::byte> read_image_file(const std::string& path, std::uint64_t max_bytes) {
  io::IoError error;
  const auto source = io::open_file(path.c_str(), {.direct = false}, error);
  if (source == nullptr) fail(path, error);
  if (source->size() > max_bytes) {
    throw TooLarge(
        fmt::format("{}: {} bytes, more than the {} allowed; see --max-bytes", path, source->size(), max_bytes));
  }
  std::vector<std::byte> bytes(source->size());
  std::size_t got = 0;
  if (source->read(bytes, got) != Status::kSuccess) fail(path, source->error());
  bytes.resize(got);
  return bytes;
}

}  // namespace vmbsave::cli
