#include "cli/image_file.hpp"

#include <fmt/format.h>

#include <cstring>
#include <span>

#include "image/chunk_reader.hpp"
#include "vmbsave/io.hpp"

namespace vmbsave::cli {
namespace {

[[noreturn]] void fail(const std::string& path, const io::IoError& error) {
  if (error.step == io::IoStep::kOpen && error.status == Status::kInvalidParameter) {
    throw std::runtime_error(fmt::format("{}: expected a regular file", path));
  }
  const std::string why = error.error != 0 ? std::strerror(error.error) : status_name(error.status);
  throw std::runtime_error(fmt::format("{}: cannot {}: {}", path, io::io_step_name(error.step), why));
}

// Up to `size` bytes in all. False: the file ends before.
bool read_on(io::Source& source, const std::string& path, std::uint64_t size, std::vector<std::byte>& bytes) {
  const std::size_t before = bytes.size();
  bytes.resize(size);
  std::size_t got = 0;
  if (source.read(std::span(bytes).subspan(before), got) != Status::kSuccess) fail(path, source.error());
  bytes.resize(before + got);
  return bytes.size() == size;
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
  std::vector<std::byte> bytes;
  if (read_on(*source, path, sizeof(image::ChunkHeader), bytes)) {
    image::Chunk chunk;
    // Its lengths are not yet in `bytes`.
    if (image::read_unchecked_chunk(bytes, chunk) == RestoreFault::kNotAnImage) {
      throw NotAnImage(fmt::format("{}: {}", path, restore_fault_text(RestoreFault::kNotAnImage)));
    }
    (void)read_on(*source, path, source->size(), bytes);
  }
  return bytes;
}

}  // namespace vmbsave::cli
