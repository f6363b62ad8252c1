#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "trace/trace.hpp"

namespace vmbsave::trace {

inline constexpr std::uint32_t kSectorBytes = 512;
inline constexpr std::uint32_t kPageBytes = 4096;
inline constexpr std::uint64_t kNanosPerMicro = 1000;
inline constexpr std::uint64_t kMaxTimeNs = INT64_MAX;  // recorded times beyond it are damage; keeps all sums in range

/// Nothing promises that records lie in the order of submission: sorts them, and lets times begin with the first.
void sort_by_submission(Trace& trace);

/// `path` is a directory or an archive.
Trace read_octf(const std::filesystem::path& path, const Progress& progress);

enum class VscsiVersion : std::uint8_t { k1 = 1, k2 = 2 };

/// The version of the vSCSI record that begins with `head`, if it can be one.
std::optional<VscsiVersion> recognise_vscsi(std::span<const char> head);

Trace read_vscsi(const std::filesystem::path& path, VscsiVersion version, const Progress& progress);

/// Whether a text of this format can begin with `line`.
bool recognise_mqsim(std::string_view line);
bool recognise_msr(std::string_view line);

Trace read_mqsim(const std::filesystem::path& path, const Progress& progress);
Trace read_msr(const std::filesystem::path& path, const Progress& progress);

enum class FioVersion : std::uint8_t { k2 = 2, k3 = 3 };

bool recognise_fio(FioVersion version, std::string_view line);
Trace read_fio(const std::filesystem::path& path, FioVersion version, const Progress& progress);

/// Whether a file begins as pcap or pcapng do, in either byte order.
bool recognise_capture(std::string_view head);

Trace read_capture(const std::filesystem::path& path, const std::optional<MacAddress>& guest, const Progress& progress);

/// Whether a file that begins with `head` holds blktrace records, of any version and byte order.
bool recognise_blktrace(std::span<const char> head);

/// `path` is a file, a directory or the NAME of files (see blktrace_files.hpp).
Trace read_blktrace(const std::filesystem::path& path, const Progress& progress);

}  // namespace vmbsave::trace
