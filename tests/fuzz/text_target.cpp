// text_target.cpp: a file of lines, as what it looks like and as each format that is text: behind the first line, which
// decides what it looks like, the formats share nothing.
#include "fuzz/trace_files.hpp"

namespace vmbsave::fuzz {

void text_traces(Input input) {
  const MemoryFile file(input);
  read_or_refuse(file.path());
  for (const char* const format : {"fio-v2", "fio-v3", "msr", "mqsim"}) read_or_refuse(file.path(), format);
}

}  // namespace vmbsave::fuzz
