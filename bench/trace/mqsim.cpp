#include "trace/readers.hpp"
#include "trace/text_fields.hpp"

namespace vmbsave::trace {
namespace {

// arrival_ns device lba sectors operation
constexpr std::size_t kMqsimFields = 5;
constexpr std::string_view kMqsimLine = "five numbers: time, device, address, sectors, operation (0 write, 1 read)";

bool is_mqsim(const Fields& fields) {
  if (fields.size() != kMqsimFields || (fields[4] != "0" && fields[4] != "1")) return false;
  for (std::size_t i = 0; i < kMqsimFields; ++i) {
    if (!to_number(fields[i])) return false;
  }
  return true;
}

// Leaves out what moves no data.
void take_mqsim(const TextLines& lines, QueueNames& devices, Trace& trace) {
  constexpr std::uint64_t kMostSectors = UINT32_MAX / kSectorBytes;
  const Fields fields = words(lines.line());
  if (!is_mqsim(fields)) lines.fail(kMqsimLine, in_quotes(lines.line()));
  Request request{};
  request.submit_ns = number_in(lines, fields[0], "a time in ns", kMaxTimeNs);
  request.complete_ns = kNoCompletion;
  const std::uint64_t lba = number_in(lines, fields[2], "an address in sectors", UINT64_MAX / kSectorBytes);
  const std::uint64_t sectors = number_in(lines, fields[3], "a number of sectors", kMostSectors);
  if (sectors == 0) return;
  request.tag = trace.requests.size();
  request.operation = fields[4] == "0" ? Operation::kWrite : Operation::kRead;
  request.queue = devices.number(lines, fields[1]);
  set_blocks(lines, request, lba * kSectorBytes, sectors * kSectorBytes);
  trace.requests.push_back(request);
}

}  // namespace

bool recognise_mqsim(std::string_view line) { return is_mqsim(words(line)); }

Trace read_mqsim(const std::filesystem::path& path, const Progress& progress) {
  Trace trace;
  trace.format = "mqsim";
  TextLines lines(path, progress);
  QueueNames devices;
  while (lines.next()) take_mqsim(lines, devices, trace);
  if (trace.requests.empty()) throw TraceError(path, "expected reads or writes, found none");
  sort_by_submission(trace);
  return trace;
}

}  // namespace vmbsave::trace
