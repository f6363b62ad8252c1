#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "trace/readers.hpp"
#include "trace/text_fields.hpp"

namespace vmbsave::trace {
namespace {

constexpr std::array<std::string_view, 3> kFioFileActions = {"add", "open", "close"};
constexpr std::array<std::string_view, 4> kFioSyncs = {"sync", "datasync", "sync_file_range", "syncfs"};
constexpr std::uint64_t kFioMostMicros = kMaxTimeNs / kNanosPerMicro;

template <std::size_t kCount>
bool is_one_of(const std::array<std::string_view, kCount>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string_view fio_head(FioVersion version) {
  return version == FioVersion::k2 ? "fio version 2 iolog" : "fio version 3 iolog";
}

std::string_view fio_line(FioVersion version) {
  return version == FioVersion::k2 ? "FILE ACTION or FILE ACTION OFFSET LENGTH"
                                   : "TIME FILE ACTION or TIME FILE ACTION OFFSET LENGTH";
}

std::optional<Operation> fio_operation(std::string_view action) {
  if (action == "read") return Operation::kRead;
  if (action == "write") return Operation::kWrite;
  if (action == "trim") return Operation::kDiscard;
  return std::nullopt;
}

class FioReader {
 public:
  FioReader(const std::filesystem::path& path, FioVersion version, const Progress& progress)
      : version_(version), lines_(path, progress) {
    trace_.format = version == FioVersion::k2 ? "fio-v2" : "fio-v3";
  }

  Trace run() && {
    const std::string_view head = fio_head(version_);
    if (!lines_.next()) lines_.fail(in_quotes(head), "the end of the file");
    if (lines_.line() != head) lines_.fail(in_quotes(head), in_quotes(lines_.line()));
    while (lines_.next()) take_line();
    return std::move(trace_);
  }

 private:
  // In version 3 a time precedes the same fields.
  void take_line() {
    const Fields fields = words(lines_.line());
    const std::size_t file = version_ == FioVersion::k3 ? 1 : 0;
    const std::size_t size = fields.size() - std::min(file, fields.size());
    if (size != 2 && size != 4) lines_.fail(fio_line(version_), in_quotes(lines_.line()));
    if (version_ == FioVersion::k3) now_us_ = number_in(lines_, fields[0], "a time in us", kFioMostMicros);
    const std::string_view action = fields[file + 1];
    if (size == 2) {
      if (!is_one_of(kFioFileActions, action)) lines_.fail("add, open or close", in_quotes(action));
      return;
    }
    const std::uint64_t offset = number_in(lines_, fields[file + 2], "an offset", UINT64_MAX);
    const std::uint64_t bytes = number_in(lines_, fields[file + 3], "a length", UINT64_MAX);
    if (action == "wait" && version_ == FioVersion::k2) return wait(offset);
    if (is_one_of(kFioSyncs, action)) return;
    take_request(fields[file], action, offset, bytes);
  }

  void wait(std::uint64_t micros) {
    if (micros > kFioMostMicros - now_us_) {
      lines_.fail(fmt::format("waits of at most {} us in all", kFioMostMicros), std::to_string(micros));
    }
    now_us_ += micros;
  }

  // Leaves out what moves no data.
  void take_request(std::string_view file, std::string_view action, std::uint64_t offset, std::uint64_t bytes) {
    const auto operation = fio_operation(action);
    if (!operation) {
      const std::string_view waits = version_ == FioVersion::k2 ? ", wait" : "";
      lines_.fail(fmt::format("read, write, trim{} or a sync", waits), in_quotes(action));
    }
    if (bytes == 0) return;
    Request request{};
    request.submit_ns = now_us_ * kNanosPerMicro;
    request.complete_ns = kNoCompletion;
    request.tag = trace_.requests.size();
    request.operation = *operation;
    request.queue = files_.number(lines_, file);
    set_blocks(lines_, request, offset, bytes);
    trace_.requests.push_back(request);
  }

  const FioVersion version_;
  TextLines lines_;
  QueueNames files_;
  Trace trace_;
  std::uint64_t now_us_ = 0;
};

}  // namespace

bool recognise_fio(FioVersion version, std::string_view line) { return line == fio_head(version); }

Trace read_fio(const std::filesystem::path& path, FioVersion version, const Progress& progress) {
  Trace trace = FioReader(path, version, progress).run();
  if (trace.requests.empty()) throw TraceError(path, "expected reads, writes or trims, found none");
  sort_by_submission(trace);
  return trace;
}

}  // namespace vmbsave::trace
