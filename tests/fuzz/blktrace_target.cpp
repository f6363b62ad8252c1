// blktrace_target.cpp: blktraces of several CPUs.
#include <string>

#include "fuzz/trace_files.hpp"

namespace vmbsave::fuzz {

void blktrace(Input input) {
  static const Folder folder;
  folder.fill(input, [](unsigned cpu) { return "sda.blktrace." + std::to_string(cpu); });
  read_or_refuse(folder.path());
}

}  // namespace vmbsave::fuzz
