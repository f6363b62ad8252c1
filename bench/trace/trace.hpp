#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trace/mac_address.hpp"
#include "trace/spool.hpp"
#include "trace/trace_error.hpp"

namespace vmbsave::trace {

/// Of blocks, and of frames as the guest sees them.
enum class Operation : std::uint8_t { kRead, kWrite, kDiscard, kTransmit, kReceive };

constexpr bool is_frame(Operation operation) { return operation >= Operation::kTransmit; }

inline constexpr std::uint64_t kNoCompletion = UINT64_MAX;

/// One block request, or one frame, of a recorded guest or host. Times are nanoseconds since the first submission.
struct Request {
  std::uint64_t submit_ns;
  std::uint64_t complete_ns;  // kNoCompletion: not recorded, the request is in use until the end
  std::uint64_t lba;          // in 512-byte sectors; 0 for a frame
  std::uint64_t tag;          // the trace's own id; later requests may use it again. Of a frame: its flow, both ways
  // Of data, or discarded: a multiple of 512. 0: a discard whose length is not recorded. Of a frame: its length on the
  // wire, without the checksum.
  std::uint32_t bytes;
  std::uint32_t first_byte;  // offset of the data in its first page
  std::uint16_t queue;       // that submitted it
  Operation operation;
};

struct Trace {
  std::string format;                            // one of format_names(), or "profile"
  Spool<Request> requests;                       // in order of submission; the record number is the index; never empty
  std::vector<std::uint16_t> queues;             // that submitted requests, ascending
  bool measured_completions = false;             // some request has a completion time
  std::optional<std::uint64_t> service_time_ns;  // without measured completions: what the source suggests to assume
};

/// Told now and then how much of the input has been read, in bytes; done == total at the end.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Reads a trace whole. `format` is one of format_names(); if it is empty, the content decides:
///   octf      a directory, a tar or a tar.xz archive that holds octf.trace.N files, one a queue, at any depth: a trace
///             of Open-CAS iotrace. Requests without data (cache flushes) are left out.
///   capture   frames of an Ethernet, as pcap or pcapng. The guest transmits those that come from `guest`, by default
///             the address that most come from, and receives the others. Their flow is a pair of IP addresses with
///             their ports, else of MAC addresses, and its hash the tag and one of 8 queues. Empty ones are left out.
///   blktrace  binary records, version 7, little-endian: a file, all files NAME.blktrace.N of a directory, or those of
///             that NAME if `path` is it; one a CPU. A request lasts from its issue to the device (D) to its completion
///             (C); where none is issued, from being queued (Q). Its queue is the CPU that issued it.
///             Flushes without data and SCSI commands that programs send are left out. Of several devices all requests
///             are taken.
///   vscsi-v1, vscsi-v2
///             vSCSI records (vscsiStats). Commands that move no data are left out.
///   fio-v2, fio-v3
///             an iolog of fio; a queue is a file. Version 3 has times, in microseconds. Version 2 has none: a request
///             is submitted where the `wait`s before it, added up, end. Syncs, opens and closes are left out.
///   msr       CSV of the MSR Cambridge collection, with measured completions; a queue is a disk of a host.
///   mqsim     ASCII of MQSim, in nanoseconds; a queue is a device.
/// The last four are text: a line a request, with LF or CR LF, perhaps behind a byte-order mark; blank lines are left
/// out, and so are requests of no bytes. One that does not begin and end with a sector takes all that it touches, and
/// its data lie in their pages as they do on the disk. Its tag is its number, from 0.
/// A trace of any length: what does not fit into 64 MiB goes into a file that nobody sees (spool.hpp), in $TMPDIR or
/// /tmp. Throws TraceError if the input is damaged, cut within a record, no trace, or not of that format, or if there
/// is no room.
Trace read(const std::filesystem::path& path, const Progress& progress = {}, const std::string& format = {},
           const std::optional<MacAddress>& guest = {});

/// "octf, capture, ...": in the order in which read() looks for them.
std::string format_names();

}  // namespace vmbsave::trace
