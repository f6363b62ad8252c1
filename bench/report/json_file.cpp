#include "report/json_file.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>

#include "harness/whole_file.hpp"

namespace vmbsave::report {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& file, archive* from) {
  const int error = archive_errno(from);
  const char* const text = archive_error_string(from);
  const std::string reason = error > 0 ? std::strerror(error) : text != nullptr ? text : "unknown reason";
  throw std::runtime_error(fmt::format("cannot {} {}: {}", what, file.string(), reason));
}

constexpr std::size_t kMostBytes = std::size_t{256} << 20;  // unpacked; of a run there are some hundred KiB
constexpr int kDeepest = 64;                                // copying goes as deep as the JSON does; ours has 5 levels

struct FreeRead {
  void operator()(archive* a) const { archive_read_free(a); }
};

struct FreeWrite {
  void operator()(archive* a) const { archive_write_free(a); }
};

struct FreeEntry {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};

}  // namespace

std::string read_text(const std::filesystem::path& file) {
  constexpr std::size_t kBlockBytes = 8192;
  std::error_code none;
  const std::filesystem::file_status status = std::filesystem::status(file, none);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw std::runtime_error(fmt::format("cannot read {}: expected a regular file", file.string()));
  }
  const std::unique_ptr<archive, FreeRead> in(archive_read_new());
  archive_entry* entry = nullptr;
  archive_read_support_filter_xz(in.get());
  archive_read_support_format_raw(in.get());
  archive_read_support_format_empty(in.get());
  if (archive_read_open_filename(in.get(), file.c_str(), kBlockBytes) != ARCHIVE_OK) fail("read", file, in.get());
  const int header = archive_read_next_header(in.get(), &entry);
  if (header == ARCHIVE_EOF) return {};
  if (header != ARCHIVE_OK) fail("read", file, in.get());
  std::string text;
  std::array<char, kBlockBytes> block;
  while (true) {
    const la_ssize_t got = archive_read_data(in.get(), block.data(), block.size());
    if (got < 0) fail("read", file, in.get());
    if (got == 0) return text;
    if (text.size() + static_cast<std::size_t>(got) > kMostBytes) {
      throw std::runtime_error(fmt::format("cannot read {}: more than 256 MiB of text", file.string()));
    }
    text.append(block.data(), static_cast<std::size_t>(got));
  }
}

nlohmann::ordered_json parse_json(std::string_view text) {
  return nlohmann::ordered_json::parse(text, [](int depth, auto, auto&) {
    if (depth > kDeepest) throw std::runtime_error("JSON of too many levels");
    return true;
  });
}

nlohmann::ordered_json read_json(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  try {
    return parse_json(text);
  } catch (const std::exception&) {
    throw std::runtime_error(fmt::format("{}: expected JSON, of {} levels at most", file.string(), kDeepest));
  }
}

std::string json_fault(const std::exception& error) {
  const std::string what = error.what();
  const std::size_t end = what.find("] ");  // "[json.exception.out_of_range.403] key 'kernel' not found"
  return end == std::string::npos ? what : what.substr(end + 2);
}

void write_text(const std::filesystem::path& file, std::string_view text) {
  bench::write_file(file.string(), std::as_bytes(std::span(text)));
}

void write_xz(const std::filesystem::path& file, std::string_view text) {
  const std::unique_ptr<archive, FreeWrite> out(archive_write_new());
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), "data");
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  const bool written = archive_write_add_filter_xz(out.get()) == ARCHIVE_OK &&
                       archive_write_set_format_raw(out.get()) == ARCHIVE_OK &&
                       archive_write_open_filename(out.get(), file.c_str()) == ARCHIVE_OK &&
                       archive_write_header(out.get(), entry.get()) == ARCHIVE_OK &&
                       archive_write_data(out.get(), text.data(), text.size()) == static_cast<la_ssize_t>(text.size());
  if (!written || archive_write_close(out.get()) != ARCHIVE_OK) fail("write", file, out.get());
}

}  // namespace vmbsave::report
