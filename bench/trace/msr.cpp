#include <fmt/format.h>

#include <utility>

#include "trace/readers.hpp"
#include "trace/text_fields.hpp"

namespace vmbsave::trace {
namespace {

constexpr std::string_view kMsrHeader = "Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime";
constexpr std::size_t kMsrFields = 7;

// Times count 100 ns since 1601. As nanoseconds they are too large to reckon with, so they are taken from the first
// line on, and that one lies in the middle of what a time can be.
constexpr std::uint64_t kTickNs = 100;
constexpr std::uint64_t kFirstNs = kMaxTimeNs / 2;
constexpr std::uint64_t kMostTicks = kFirstNs / kTickNs;

std::optional<Operation> msr_operation(std::string_view type) {
  if (type == "Read") return Operation::kRead;
  if (type == "Write") return Operation::kWrite;
  return std::nullopt;
}

bool is_msr(const Fields& fields) {
  if (fields.size() != kMsrFields || fields[1].empty() || !msr_operation(fields[3])) return false;
  return to_number(fields[0]) && to_number(fields[2]) && to_number(fields[4]) && to_number(fields[5]) &&
         to_number(fields[6]);
}

class MsrReader {
 public:
  MsrReader(const std::filesystem::path& path, const Progress& progress) : lines_(path, progress) {
    trace_.format = "msr";
  }

  Trace run() && {
    bool is_first = true;
    while (lines_.next()) {
      if (!is_first || lines_.line() != kMsrHeader) take_line();
      is_first = false;
    }
    return std::move(trace_);
  }

 private:
  // Leaves out what moves no data.
  void take_line() {
    const Fields fields = comma_separated(lines_.line());
    if (!is_msr(fields)) lines_.fail(fmt::format("{} (Type Read or Write)", kMsrHeader), in_quotes(lines_.line()));
    Request request{};
    request.submit_ns = submit_ns(fields[0]);
    const std::uint64_t response = number_in(lines_, fields[6], "a response time in 100 ns", kMostTicks);
    request.complete_ns = request.submit_ns + response * kTickNs;
    const std::uint64_t offset = number_in(lines_, fields[4], "an offset", UINT64_MAX);
    const std::uint64_t bytes = number_in(lines_, fields[5], "a size", UINT32_MAX);
    if (bytes == 0) return;
    request.tag = trace_.requests.size();
    request.operation = *msr_operation(fields[3]);
    const std::string_view host_and_disk(fields[1].begin(), fields[2].end());
    request.queue = disks_.number(lines_, host_and_disk);
    set_blocks(lines_, request, offset, bytes);
    trace_.requests.push_back(request);
  }

  std::uint64_t submit_ns(std::string_view field) {
    const std::uint64_t ticks = number_in(lines_, field, "a time in 100 ns", UINT64_MAX);
    if (!first_ticks_) first_ticks_ = ticks;
    const std::uint64_t apart = ticks > *first_ticks_ ? ticks - *first_ticks_ : *first_ticks_ - ticks;
    if (apart > kMostTicks) {
      lines_.fail(fmt::format("a time within {} x 100 ns of the first, {}", kMostTicks, *first_ticks_),
                  in_quotes(field));
    }
    return ticks > *first_ticks_ ? kFirstNs + apart * kTickNs : kFirstNs - apart * kTickNs;
  }

  TextLines lines_;
  QueueNames disks_;
  Trace trace_;
  std::optional<std::uint64_t> first_ticks_;
};

}  // namespace

bool recognise_msr(std::string_view line) { return line == kMsrHeader || is_msr(comma_separated(line)); }

Trace read_msr(const std::filesystem::path& path, const Progress& progress) {
  Trace trace = MsrReader(path, progress).run();
  if (trace.requests.empty()) throw TraceError(path, "expected reads or writes, found none");
  sort_by_submission(trace);
  return trace;
}

}  // namespace vmbsave::trace
