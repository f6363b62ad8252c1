// vscsi_target.cpp: any bytes as a file, which is taken for vSCSI records, an archive, or nothing known.
#include "fuzz/trace_files.hpp"

namespace vmbsave::fuzz {

void vscsi(Input input) { read_or_refuse(MemoryFile(input).path()); }

}  // namespace vmbsave::fuzz
