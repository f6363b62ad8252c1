#include "trace/octf_source.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "trace/file_bytes.hpp"

namespace vmbsave::trace {
namespace {

using Visit = std::function<void(const QueueFile&)>;

// The N of a path that ends in octf.trace.N.
std::optional<std::uint16_t> queue_of(std::string_view path) {
  constexpr std::string_view kPrefix = "octf.trace.";
  const std::string_view name = path.substr(path.rfind('/') + 1);  // no slash: npos + 1 is 0
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const char* const end = name.data() + name.size();
  std::uint16_t queue = 0;
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, queue);
  return error == std::errc{} && stop == end ? std::optional(queue) : std::nullopt;
}

bool is_summary(std::string_view path) { return path.substr(path.rfind('/') + 1) == "octf.summary"; }

// Passes queue files on, but no second one of a queue.
class Visitor {
 public:
  explicit Visitor(const Visit& visit) : visit_(visit) {}

  void operator()(const QueueFile& file) {
    const auto [earlier, is_first] = members_.emplace(file.queue, file.start.member);
    if (!is_first) {
      throw TraceError(file.start, fmt::format("expected one file of queue {}, found {} too (if these are two traces, "
                                               "name the directory of one)",
                                               file.queue, earlier->second));
    }
    visit_(file);
  }

  bool visited_any() const { return !members_.empty(); }

  std::string summary;  // the text of octf.summary

 private:
  const Visit& visit_;
  std::map<std::uint16_t, std::string> members_;
};

// A summary is some lines of JSON; more is not one.
constexpr std::size_t kMostSummaryBytes = 65536;

struct FoundFile {
  std::uint16_t queue;
  std::filesystem::path path;
  std::uint64_t bytes;
};

// In order of their paths, so that errors do not depend on how the file system lists them.
std::vector<FoundFile> find_queue_files(const std::filesystem::path& directory) {
  std::vector<FoundFile> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const auto queue = queue_of(entry.path().native());
    if (queue && entry.is_regular_file()) found.push_back({*queue, entry.path(), entry.file_size()});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return found;
}

void visit_directory(const std::filesystem::path& directory, const Progress& progress, Visitor& visitor) {
  const std::vector<FoundFile> found = find_queue_files(directory);
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  for (const FoundFile& file : found) total += file.bytes;
  for (const FoundFile& file : found) {
    const Place start{directory, file.path.lexically_relative(directory).string(), 0};
    FileBytes bytes(file.path, start);
    visitor({start, file.queue, [&](char* out, std::size_t size) { return bytes.read(out, size); }});
    done += file.bytes;
    if (progress) progress(done, total);
  }
  if (found.empty()) return;
  const std::filesystem::path summary = found.front().path.parent_path() / "octf.summary";
  if (!std::filesystem::is_regular_file(summary)) return;
  visitor.summary.resize(kMostSummaryBytes);
  visitor.summary.resize(
      FileBytes(summary, {directory, "octf.summary", 0}).read(visitor.summary.data(), visitor.summary.size()));
}

// A tar or tar.xz archive through libarchive, one member at a time.
class Archive {
 public:
  explicit Archive(const std::filesystem::path& path) : path_(path), archive_(archive_read_new()) {
    constexpr std::size_t kBlockBytes = 65536;
    archive_read_support_filter_xz(archive_.get());
    archive_read_support_format_tar(archive_.get());
    check(archive_read_open_filename(archive_.get(), path.c_str(), kBlockBytes), {path_, {}, 0});
  }

  /// Goes to the next member; false at the end.
  bool next() {
    const int result = archive_read_next_header(archive_.get(), &entry_);
    if (result == ARCHIVE_EOF) return false;
    check(result, {path_, {}, position()});
    return true;
  }

  std::string name() const {
    const char* const name = archive_entry_pathname(entry_);
    return name ? name : "";
  }

  bool is_file() const { return archive_entry_filetype(entry_) == AE_IFREG; }

  std::size_t read(char* out, std::size_t size, const Place& place) {
    const la_ssize_t got = archive_read_data(archive_.get(), out, size);
    if (got < 0) fail(place);
    return static_cast<std::size_t>(got);
  }

  /// Of the archive file itself, in bytes.
  std::uint64_t position() const { return static_cast<std::uint64_t>(archive_filter_bytes(archive_.get(), -1)); }

 private:
  struct Free {
    void operator()(archive* a) const { archive_read_free(a); }
  };

  // A warning is about a name or an attribute: the data are whole.
  void check(int result, const Place& place) const {
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail(place);
  }

  [[noreturn]] void fail(const Place& place) const {
    const char* const reason = archive_error_string(archive_.get());
    throw TraceError(place, fmt::format("expected an intact tar or tar.xz archive, found: {}",
                                        reason ? reason : "damage of unknown kind"));
  }

  std::filesystem::path path_;
  std::unique_ptr<archive, Free> archive_;
  archive_entry* entry_ = nullptr;
};

void visit_archive(const std::filesystem::path& path, const Progress& progress, Visitor& visitor) {
  const std::uint64_t total = std::filesystem::file_size(path);
  Archive archive(path);
  while (archive.next()) {
    const Place start{path, archive.name(), 0};
    const auto queue = queue_of(start.member);
    if (!archive.is_file()) continue;
    Place place = start;
    if (is_summary(start.member)) {
      visitor.summary.resize(kMostSummaryBytes);
      visitor.summary.resize(archive.read(visitor.summary.data(), visitor.summary.size(), place));
    }
    if (!queue) continue;
    visitor({start, *queue, [&](char* out, std::size_t size) {
               const std::size_t got = archive.read(out, size, place);
               place.offset += got;
               return got;
             }});
    if (progress) progress(std::min(archive.position(), total), total);
  }
  if (progress) progress(total, total);  // the end of an archive is not read
}

}  // namespace

std::string visit_queue_files(const std::filesystem::path& trace, const Progress& progress, const Visit& visit) {
  Visitor visitor(visit);
  if (std::filesystem::is_directory(trace)) {
    visit_directory(trace, progress, visitor);
  } else {
    visit_archive(trace, progress, visitor);
  }
  if (!visitor.visited_any()) {
    throw TraceError(trace,
                     "expected octf.trace.N files in it, found none (those of blktrace are called NAME.blktrace.N; a "
                     "vSCSI trace is named by its file)");
  }
  return visitor.summary;
}

}  // namespace vmbsave::trace
