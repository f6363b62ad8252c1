#include <fmt/format.h>

#include <array>
#include <tuple>
#include <vector>

#include "trace/blktrace_files.hpp"
#include "trace/blktrace_pairing.hpp"
#include "trace/file_bytes.hpp"
#include "trace/spool_sort.hpp"

namespace vmbsave::trace {
namespace {

using Files = std::vector<std::filesystem::path>;

// The records of one file, front to back.
class Records {
 public:
  Records(const std::filesystem::path& file, const Place& start) : place_(start), bytes_(file, start) {}

  /// False at the end of the file.
  bool next() {
    place_.offset = bytes_read_;
    std::array<char, sizeof(BlktraceRecord)> header;
    const std::size_t got = read(header.data(), header.size());
    if (got == 0) return false;
    expect_whole("a record", header.size(), got);
    record_ = decode_blktrace(header, place_);
    std::array<char, UINT16_MAX> payload;  // which process, or what message: says nothing about requests
    expect_whole("a payload", record_.payload_bytes, read(payload.data(), record_.payload_bytes));
    return true;
  }

  const BlktraceRecord& record() const { return record_; }
  const Place& place() const { return place_; }
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  std::size_t read(char* out, std::size_t size) {
    const std::size_t got = bytes_.read(out, size);
    bytes_read_ += got;
    return got;
  }

  void expect_whole(std::string_view what, std::size_t size, std::size_t got) const {
    if (got == size) return;
    throw TraceError(place_, fmt::format("expected {} of {} bytes, found the end of the file after {} (is the file cut "
                                         "off?)",
                                         what, size, got));
  }

  Place place_;  // of the record last read
  FileBytes bytes_;
  std::uint64_t bytes_read_ = 0;
  BlktraceRecord record_{};
};

// The events of all files. Once a request is issued, what is queued does not count.
class Events {
 public:
  Events(const std::filesystem::path& trace, const Files& files, const Progress& progress)
      : trace_(trace), progress_(progress) {
    for (const std::filesystem::path& file : files) total_ += std::filesystem::file_size(file);
    for (const std::filesystem::path& file : files) read(file);
  }

  Spool<BlktraceEvent>& all() { return events_; }
  BlktraceKind submission() const { return issued_ ? BlktraceKind::kIssued : BlktraceKind::kQueued; }
  bool completed() const { return completed_; }

 private:
  void read(const std::filesystem::path& file) {
    constexpr std::uint64_t kRecordsPerTell = 4096;
    Records records(file, {trace_, file == trace_ ? std::string() : file.filename().string(), 0});
    for (std::uint64_t count = 0; records.next(); ++count) {
      if (const auto event = event_of(records.record(), records.place())) keep(*event);
      if (count % kRecordsPerTell == kRecordsPerTell - 1) tell(done_ + records.bytes_read());
    }
    done_ += records.bytes_read();
    tell(done_);
  }

  void keep(const BlktraceEvent& event) {
    issued_ |= event.kind == BlktraceKind::kIssued;
    completed_ |= event.kind == BlktraceKind::kCompleted;
    if (!issued_ || event.kind != BlktraceKind::kQueued) events_.push_back(event);
  }

  void tell(std::uint64_t done) const {
    if (progress_) progress_(std::min(done, total_), total_);
  }

  const std::filesystem::path& trace_;
  const Progress& progress_;
  Spool<BlktraceEvent> events_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  bool issued_ = false;
  bool completed_ = false;
};

bool came_before(const BlktraceEvent& a, const BlktraceEvent& b) {
  return std::tie(a.time_ns, a.kind) < std::tie(b.time_ns, b.kind);
}

}  // namespace

Trace read_blktrace(const std::filesystem::path& path, const Progress& progress) {
  const Files files = blktrace_files(path);
  Events events(path, files, progress);
  sort_stably(events.all(), came_before);
  BlktracePairing pairing(events.submission(), events.completed());
  for (const BlktraceEvent& event : events.all()) pairing.take(event);

  Trace trace;
  trace.format = "blktrace";
  trace.requests = std::move(pairing).requests();
  if (trace.requests.empty()) {
    throw TraceError(path, fmt::format("expected requests that are issued (D) or queued (Q), found none in {} file{}",
                                       files.size(), files.size() == 1 ? "" : "s"));
  }
  return trace;
}

}  // namespace vmbsave::trace
