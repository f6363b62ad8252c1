#include "report/json_file.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>

#include "harness/whole_file.hpp"

namespace vmbsave::report {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& file, archive* from) {
  const char* const reason = archive_error_string(from);
  throw std::runtime_error(fmt::format("cannot {} {}: {}", what, file.string(), reason ? reason : "unknown reason"));
}

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
  constexpr std::size_t kBlockBytes = 65536;
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
    text.append(block.data(), static_cast<std::size_t>(got));
  }
}

nlohmann::ordered_json read_json(const std::filesystem::path& file) {
  try {
    return nlohmann::ordered_json::parse(read_text(file));
  } catch (const nlohmann::json::exception&) {
    throw std::runtime_error(fmt::format("{}: expected JSON", file.string()));
  }
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
