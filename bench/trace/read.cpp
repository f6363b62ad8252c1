#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <string_view>

#include "trace/blktrace_files.hpp"
#include "trace/file_bytes.hpp"
#include "trace/readers.hpp"
#include "trace/text_lines.hpp"
#include "trace/trace.hpp"

namespace vmbsave::trace {
namespace {

static_assert(std::endian::native == std::endian::little, "records are read as they lie in the file");

constexpr std::size_t kHeadBytes = 4096;  // a tar header, or the first line of a text

// What read() was called with, and how the input begins.
struct Input {
  const std::filesystem::path& path;
  const std::optional<MacAddress>& guest;
  const Progress& progress;
  bool is_directory = false;
  bool is_blktrace = false;    // a directory, or a NAME, of files NAME.blktrace.N
  std::string_view head = {};  // of a file
  bool is_whole = false;       // the head is all of it

  std::string_view line() const { return first_line(head, is_whole); }
  std::optional<VscsiVersion> vscsi() const { return recognise_vscsi(head); }
};

struct Format {
  std::string_view name;
  std::string_view looks_like;  // for somebody whose input is nothing known; empty: as the one before
  bool (*recognise)(const Input&);
  Trace (*read)(const Input&);
};

bool has_at(std::string_view head, std::size_t offset, std::string_view magic) {
  return head.size() >= offset + magic.size() && head.substr(offset, magic.size()) == magic;
}

bool is_archive(std::string_view head) {
  constexpr std::string_view kXz("\3757zXZ\0", 6);
  return has_at(head, 0, kXz) || has_at(head, 257, "ustar");
}

constexpr std::string_view kDirectoryFormat = "octf";  // the only one that may be any other directory
constexpr std::string_view kFilesFormat = "blktrace";  // files of several CPUs
constexpr std::string_view kGuestFormat = "capture";   // the only one with a guest

// Those with a magic number first. A vSCSI record has a byte in it that no text has.
constexpr Format kFormats[] = {
    {kDirectoryFormat, "an archive (tar, tar.xz) or a directory with octf.trace.N files",
     [](const Input& in) { return in.is_directory || is_archive(in.head); },
     [](const Input& in) { return read_octf(in.path, in.progress); }},
    {kGuestFormat, "a pcap or pcapng capture", [](const Input& in) { return recognise_capture(in.head); },
     [](const Input& in) { return read_capture(in.path, in.guest, in.progress); }},
    {kFilesFormat, "blktrace records, also as a directory or the NAME of NAME.blktrace.N files",
     [](const Input& in) { return in.is_blktrace || recognise_blktrace(in.head); },
     [](const Input& in) { return read_blktrace(in.path, in.progress); }},
    {"vscsi-v1", "vSCSI records (version 1 at byte 14 or version 2 at byte 2)",
     [](const Input& in) { return in.vscsi() == VscsiVersion::k1; },
     [](const Input& in) { return read_vscsi(in.path, VscsiVersion::k1, in.progress); }},
    {"vscsi-v2", "", [](const Input& in) { return in.vscsi() == VscsiVersion::k2; },
     [](const Input& in) { return read_vscsi(in.path, VscsiVersion::k2, in.progress); }},
    {"fio-v2", "an iolog of fio", [](const Input& in) { return recognise_fio(FioVersion::k2, in.line()); },
     [](const Input& in) { return read_fio(in.path, FioVersion::k2, in.progress); }},
    {"fio-v3", "", [](const Input& in) { return recognise_fio(FioVersion::k3, in.line()); },
     [](const Input& in) { return read_fio(in.path, FioVersion::k3, in.progress); }},
    {"msr", "MSR Cambridge CSV", [](const Input& in) { return recognise_msr(in.line()); },
     [](const Input& in) { return read_msr(in.path, in.progress); }},
    {"mqsim", "MQSim ASCII", [](const Input& in) { return recognise_mqsim(in.line()); },
     [](const Input& in) { return read_mqsim(in.path, in.progress); }},
};

std::string describe(std::string_view head) {
  if (has_at(head, 0, "\x1f\x8b")) return "a gzip file (unpack it first)";
  std::string found = head.empty() ? "an empty file" : "bytes";
  for (const char byte : head.substr(0, 16)) found += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
  return found;
}

[[noreturn]] void fail_unrecognised(const Input& in) {
  std::string expected;
  for (const Format& format : kFormats) {
    if (!format.looks_like.empty()) expected += fmt::format("{}{}", expected.empty() ? "" : ", ", format.looks_like);
  }
  throw TraceError(Place{in.path, {}, 0}, fmt::format("expected {}, found {} (if it is one of them, say which "
                                                      "with --format: {})",
                                                      expected, describe(in.head), format_names()));
}

const Format& recognise(const Input& in) {
  for (const Format& format : kFormats) {
    if (format.recognise(in)) return format;
  }
  fail_unrecognised(in);
}

const Format& named(const std::filesystem::path& path, std::string_view name) {
  for (const Format& format : kFormats) {
    if (format.name == name) return format;
  }
  throw TraceError(path, fmt::format("no format '{}'; there are: {}", name, format_names()));
}

void check_choice(const Input& in, const Format& format) {
  if (in.is_directory && format.name != kDirectoryFormat && format.name != kFilesFormat) {
    throw TraceError(in.path, fmt::format("expected a file, as {} is one, found a directory", format.name));
  }
  if (in.guest && format.name != kGuestFormat) {
    throw TraceError(in.path, fmt::format("expected a capture, as a guest's address is given, found {}", format.name));
  }
}

Trace read_as(const Input& in, const Format& format) {
  check_choice(in, format);
  return format.read(in);
}

Trace read_path(const std::string& name, Input in) {
  const auto status = std::filesystem::status(in.path);
  in.is_blktrace = !std::filesystem::is_regular_file(status) && !blktrace_files(in.path).empty();
  if (in.is_blktrace) return read_as(in, name.empty() ? recognise(in) : named(in.path, name));
  if (!std::filesystem::exists(status)) throw TraceError(in.path, "no such file or directory");
  in.is_directory = std::filesystem::is_directory(status);
  // A pipe cannot be read twice, a device has no end.
  if (!in.is_directory && !std::filesystem::is_regular_file(status)) {
    throw TraceError(in.path, "expected a file or a directory");
  }
  if (!name.empty()) return read_as(in, named(in.path, name));
  std::array<char, kHeadBytes> buffer;
  const std::size_t size =
      in.is_directory ? 0 : FileBytes(in.path, Place{in.path, {}, 0}).read(buffer.data(), buffer.size());
  in.head = {buffer.data(), size};
  in.is_whole = size < buffer.size();
  return read_as(in, recognise(in));
}

std::vector<std::uint16_t> submitting_queues(std::span<const Request> requests) {
  std::set<std::uint16_t> queues;
  for (const Request& request : requests) queues.insert(request.queue);
  return {queues.begin(), queues.end()};
}

bool is_complete(const Request& request) { return request.complete_ns != kNoCompletion; }

}  // namespace

Trace read(const std::filesystem::path& path, const Progress& progress, const std::string& format,
           const std::optional<MacAddress>& guest) try {
  Trace trace = read_path(format, {.path = path, .guest = guest, .progress = progress});
  trace.queues = submitting_queues(trace.requests.span());
  trace.measured_completions = std::any_of(trace.requests.begin(), trace.requests.end(), is_complete);
  return trace;
} catch (const SpoolError& error) {
  throw TraceError(path, error.what());
} catch (const std::filesystem::filesystem_error& error) {
  const std::filesystem::path& at = error.path1();  // not all of the library's errors name one
  throw TraceError(path, (at.empty() || at == path ? "" : at.string() + ": ") + error.code().message());
}

std::string format_names() {
  std::string names;
  for (const Format& format : kFormats) names += fmt::format("{}{}", names.empty() ? "" : ", ", format.name);
  return names;
}

}  // namespace vmbsave::trace
