// capture_target.cpp: a capture, whose guest is the busiest source, and with one that the seeds have.
#include "fuzz/trace_files.hpp"

namespace vmbsave::fuzz {

void capture(Input input) {
  const MemoryFile file(input);
  read_or_refuse(file.path(), "capture");
  read_or_refuse(file.path(), "capture", trace::MacAddress{0x00, 0x15, 0x5d, 0x01, 0x02, 0x02});
}

}  // namespace vmbsave::fuzz
