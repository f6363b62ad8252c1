#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <string_view>

#include "trace/blktrace_files.hpp"
#include "trace/file_bytes.hpp"
#include "trace/readers.hpp"
#include "trace/trace.hpp"

namespace vmbsave::trace {
namespace {

static_assert(std::endian::native == std::endian::little, "records are read as they lie in the file");

constexpr std::size_t kHeadBytes = 512;  // a tar header; nothing below needs more

bool has_at(std::string_view head, std::size_t offset, std::string_view magic) {
  return head.size() >= offset + magic.size() && head.substr(offset, magic.size()) == magic;
}

bool is_archive(std::string_view head) {
  constexpr std::string_view kXz("\3757zXZ\0", 6);
  return has_at(head, 0, kXz) || has_at(head, 257, "ustar");
}

[[noreturn]] void fail_unrecognised(const std::filesystem::path& path, std::string_view head) {
  std::string found = head.empty() ? "an empty file" : "bytes";
  for (const char byte : head.substr(0, 16)) found += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
  throw TraceError(Place{path, {}, 0},
                   fmt::format("expected an archive (tar, tar.xz) or a directory with octf.trace.N files, or vSCSI "
                               "records (version 1 at byte 14 or version 2 at byte 2), or blktrace records, found {}",
                               found));
}

Trace read_file(const std::filesystem::path& path, const Progress& progress) {
  std::array<char, kHeadBytes> buffer;
  const std::size_t size = FileBytes(path, Place{path, {}, 0}).read(buffer.data(), buffer.size());
  const std::string_view head(buffer.data(), size);
  if (is_archive(head)) return read_octf(path, progress);
  if (recognise_blktrace(head)) return read_blktrace(path, progress);
  if (const auto version = recognise_vscsi(head)) return read_vscsi(path, *version, progress);
  fail_unrecognised(path, head);
}

Trace read_path(const std::filesystem::path& path, const Progress& progress) {
  const auto status = std::filesystem::status(path);
  if (!std::filesystem::is_regular_file(status) && !blktrace_files(path).empty()) return read_blktrace(path, progress);
  if (!std::filesystem::exists(status)) throw TraceError(path, "no such file or directory");
  if (std::filesystem::is_directory(status)) return read_octf(path, progress);
  // A pipe cannot be read twice, a device has no end.
  if (!std::filesystem::is_regular_file(status)) throw TraceError(path, "expected a file or a directory");
  return read_file(path, progress);
}

std::vector<std::uint16_t> submitting_queues(std::span<const Request> requests) {
  std::set<std::uint16_t> queues;
  for (const Request& request : requests) queues.insert(request.queue);
  return {queues.begin(), queues.end()};
}

bool is_complete(const Request& request) { return request.complete_ns != kNoCompletion; }

}  // namespace

Trace read(const std::filesystem::path& path, const Progress& progress) try {
  Trace trace = read_path(path, progress);
  trace.queues = submitting_queues(trace.requests.span());
  trace.measured_completions = std::any_of(trace.requests.begin(), trace.requests.end(), is_complete);
  return trace;
} catch (const SpoolError& error) {
  throw TraceError(path, error.what());
} catch (const std::filesystem::filesystem_error& error) {
  const std::filesystem::path& at = error.path1();  // not all of the library's errors name one
  throw TraceError(path, (at.empty() || at == path ? "" : at.string() + ": ") + error.code().message());
}

}  // namespace vmbsave::trace
