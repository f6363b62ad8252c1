#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trace/spool.hpp"
#include "trace/trace_error.hpp"

namespace vmbsave::trace {

enum class Operation : std::uint8_t { kRead, kWrite, kDiscard };

inline constexpr std::uint64_t kNoCompletion = UINT64_MAX;

/// One block request of a recorded guest or host. Times are nanoseconds since the submission of the first request.
struct Request {
  std::uint64_t submit_ns;
  std::uint64_t complete_ns;  // kNoCompletion: not recorded, the request is in use until the end
  std::uint64_t lba;          // in 512-byte sectors
  std::uint64_t tag;          // the trace's own id; later requests may use it again
  std::uint32_t bytes;        // of data, or discarded; a multiple of 512. 0: a discard whose length is not recorded
  std::uint32_t first_byte;   // offset of the data in its first page
  std::uint16_t queue;        // that submitted it
  Operation operation;
};

struct Trace {
  std::string format;                            // "blktrace", "octf", "vscsi-v1", "vscsi-v2"
  Spool<Request> requests;                       // in order of submission; the record number is the index; never empty
  std::vector<std::uint16_t> queues;             // that submitted requests, ascending
  bool measured_completions = false;             // some request has a completion time
  std::optional<std::uint64_t> service_time_ns;  // without measured completions: what the source suggests to assume
};

/// Told now and then how much of the input has been read, in bytes; done == total at the end.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Reads a trace whole. The format is recognised by content:
///   octf   a directory, a tar or a tar.xz archive that holds octf.trace.N files, one a queue, at any depth (Open-CAS
///          iotrace). Requests without data (cache flushes) are left out.
///   vscsi  a file of vSCSI records (vscsiStats), version 1 or 2. Commands that move no data are left out.
///   blktrace  a file of binary records, version 7, little-endian; all files NAME.blktrace.N of a directory, one a CPU;
///          or those beside each other, if `path` is that NAME. A request lasts from its issue to the device (D) to its
///          completion (C); where none is issued, from being queued (Q). Its queue is the CPU that issued it. Flushes
///          without data and SCSI commands that programs send are left out. Of several devices all requests are taken.
/// A trace of any length: what does not fit into 64 MiB goes into a file that nobody sees (spool.hpp), in $TMPDIR or
/// /tmp. Throws TraceError if the input is damaged, cut within a record, or no trace, or if there is no room.
Trace read(const std::filesystem::path& path, const Progress& progress = {});

}  // namespace vmbsave::trace
