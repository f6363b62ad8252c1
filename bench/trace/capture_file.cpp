#include "trace/capture_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "trace/flow.hpp"
#include "trace/readers.hpp"

namespace vmbsave::trace {
namespace {

// The largest IPv6 packet that a length of 16 bits can tell of, behind an Ethernet header with a VLAN tag.
constexpr std::uint32_t kMostFrameBytes = kEthernetHeaderBytes + 4 + 40 + UINT16_MAX;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// By its handle: libpcap takes a file named "-" for standard input.
pcap_t* open_capture(const Place& place) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(place.file.c_str(), "rb"));
  if (!file) throw TraceError(place, "cannot open: " + std::generic_category().message(errno));
  char reason[PCAP_ERRBUF_SIZE] = "";
  pcap_t* const capture = pcap_fopen_offline_with_tstamp_precision(file.get(), PCAP_TSTAMP_PRECISION_NANO, reason);
  if (capture == nullptr) {
    throw TraceError(place, fmt::format("expected a capture (pcap or pcapng), found: {}", reason));
  }
  static_cast<void>(file.release());  // the capture closes it
  return capture;
}

std::string link_name(int link_type) {
  const char* const name = pcap_datalink_val_to_name(link_type);
  return fmt::format("link type {} ({})", link_type, name ? name : "unknown");
}

}  // namespace

CaptureFile::CaptureFile(const std::filesystem::path& path) : place_{path, {}, 0}, capture_(open_capture(place_)) {
  const int link_type = pcap_datalink(capture_.get());
  if (link_type != DLT_EN10MB) {
    throw TraceError(place_, fmt::format("expected frames of an Ethernet, found {}", link_name(link_type)));
  }
}

bool CaptureFile::next() {
  const pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  do {
    if (!next_raw(header, data)) return false;
  } while (header->len == 0);
  if (header->len < kEthernetHeaderBytes || header->len > kMostFrameBytes) {
    fail(fmt::format("a frame of {} to {} bytes", kEthernetHeaderBytes, kMostFrameBytes), std::to_string(header->len));
  }
  if (header->caplen < kEthernetHeaderBytes) {
    fail(fmt::format("at least the {} bytes of the frame's header", kEthernetHeaderBytes),
         fmt::format("{} that were captured", header->caplen));
  }
  frame_ = {.time_ns = time_ns(*header), .bytes = header->len, .bytes_kept = {data, header->caplen}};
  return true;
}

bool CaptureFile::next_raw(const pcap_pkthdr*& header, const u_char*& data) {
  place_.offset = position();
  ++number_;
  pcap_pkthdr* found = nullptr;
  const int result = pcap_next_ex(capture_.get(), &found, &data);
  if (result == PCAP_ERROR_BREAK) return false;
  if (result != 1) fail("a frame", pcap_geterr(capture_.get()));
  header = found;
  return true;
}

// tv_usec holds nanoseconds. libpcap gives both as they lie in the file.
std::uint64_t CaptureFile::time_ns(const pcap_pkthdr& header) const {
  constexpr std::int64_t kMostSeconds = kMaxTimeNs / kNanosPerSecond - 1;
  const std::int64_t seconds = header.ts.tv_sec;
  const std::int64_t nanos = header.ts.tv_usec;
  if (seconds < 0 || seconds > kMostSeconds || nanos < 0 || nanos >= kNanosPerSecond) {
    fail(fmt::format("a time of at most {} s and less than 1 s", kMostSeconds),
         fmt::format("{} s and {} ns", seconds, nanos));
  }
  return static_cast<std::uint64_t>(seconds * kNanosPerSecond + nanos);
}

std::uint64_t CaptureFile::position() const {
  const off_t position = ftello(pcap_file(capture_.get()));
  return position < 0 ? place_.offset : static_cast<std::uint64_t>(position);
}

void CaptureFile::fail(std::string_view expected, std::string_view found) const {
  throw TraceError(place_, fmt::format("frame {}: expected {}, found {}", number_, expected, found));
}

}  // namespace vmbsave::trace
