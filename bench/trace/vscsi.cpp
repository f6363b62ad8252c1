#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "trace/file_bytes.hpp"
#include "trace/vscsi_record.hpp"

namespace vmbsave::trace {
namespace {

constexpr std::size_t kRecordsPerRead = 1024;

// Appends the requests of the records in `bytes`, which begin at `place`; `place` moves along.
void take_records(VscsiVersion version, std::span<const char> bytes, Place& place, Spool<Request>& requests) {
  const std::size_t step = record_bytes(version);
  for (std::size_t at = 0; at < bytes.size(); at += step, place.offset += step) {
    if (bytes.size() - at < step) {
      throw TraceError(place, fmt::format("expected a record of {} bytes, found the end of the file after {} (is the "
                                          "file cut off?)",
                                          step, bytes.size() - at));
    }
    const auto request = request_of(version, decode_vscsi(version, bytes.data() + at), place);
    if (request) requests.push_back(*request);
  }
}

Spool<Request> read_records(const std::filesystem::path& path, VscsiVersion version, const Progress& progress) {
  const std::uint64_t total = std::filesystem::file_size(path);
  Spool<Request> requests;
  std::vector<char> buffer(kRecordsPerRead * record_bytes(version));
  Place place{path, {}, 0};
  FileBytes file(path, place);
  while (const std::size_t got = file.read(buffer.data(), buffer.size())) {
    take_records(version, {buffer.data(), got}, place, requests);
    if (progress) progress(std::min(place.offset, total), total);
  }
  return requests;
}

}  // namespace

Trace read_vscsi(const std::filesystem::path& path, VscsiVersion version, const Progress& progress) {
  Trace trace;
  trace.format = version == VscsiVersion::k1 ? "vscsi-v1" : "vscsi-v2";
  trace.requests = read_records(path, version, progress);
  if (trace.requests.empty()) throw TraceError(path, "expected reads, writes or unmaps, found none");
  sort_by_submission(trace);
  return trace;
}

}  // namespace vmbsave::trace
