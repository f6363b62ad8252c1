// output_files.hpp: the files that a command line asks for, looked at before minutes of work.
#pragma once

#include <string>
#include <vector>

namespace vmbsave::bench {

struct OutputFile {
  const char* flag;
  std::string path;  // empty: not asked for
};

// Each can be written, is none of `inputs` and none of the others, under whatever name. Throws std::runtime_error.
void expect_usable(const std::vector<OutputFile>& outputs, const std::vector<std::string>& inputs);

}  // namespace vmbsave::bench
