#pragma once

#include <pcap/pcap.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "trace/trace_error.hpp"

namespace vmbsave::trace {

/// A frame as it was captured.
struct CapturedFrame {
  std::uint64_t time_ns;                     // since 1970
  std::uint32_t bytes;                       // on the wire
  std::span<const std::uint8_t> bytes_kept;  // the first of them, at least an Ethernet header
};

/// The frames of a pcap or pcapng file, front to back, through libpcap. Empty ones are left out. All errors are
/// TraceErrors.
class CaptureFile {
 public:
  explicit CaptureFile(const std::filesystem::path& path);

  /// Goes to the next frame; false at the end. The frame lives until the next call.
  bool next();

  const CapturedFrame& frame() const { return frame_; }

  /// How much of the file has been read, in bytes.
  std::uint64_t position() const;

  /// "expected EXPECTED, found FOUND", with the file and the number of the frame.
  [[noreturn]] void fail(std::string_view expected, std::string_view found) const;

 private:
  struct Close {
    void operator()(pcap_t* capture) const { pcap_close(capture); }
  };

  bool next_raw(const pcap_pkthdr*& header, const u_char*& data);
  std::uint64_t time_ns(const pcap_pkthdr& header) const;

  Place place_;  // of the frame
  std::unique_ptr<pcap_t, Close> capture_;
  std::uint64_t number_ = 0;  // of the frame in the file, from 1
  CapturedFrame frame_{};
};

}  // namespace vmbsave::trace
