// target.hpp: the fuzz targets. Each takes any bytes, and breaks off where an invariant of the engine does not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>

namespace vmbsave::fuzz {

using Input = std::span<const std::byte>;

void image(Input input);        // a whole image: restored at once and in pieces
void calls(Input input);        // a program of calls of the C face
void blktrace(Input input);     // the files of a folder, one a CPU
void octf_folder(Input input);  // the files of a folder
void octf_tar(Input input);     // a tar or tar.xz archive
void vscsi(Input input);        // a file of records
void text_traces(Input input);  // a file of lines
void capture(Input input);      // a pcap or pcapng file

// In every build, also without assertions: a violation is a crash, whose input libFuzzer keeps.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  __builtin_trap();
}

}  // namespace vmbsave::fuzz
