// octf_target.cpp: octf traces, as an archive and as a folder.
#include <string>
#include <vector>

#include "fuzz/tar_seal.hpp"
#include "fuzz/trace_files.hpp"

namespace vmbsave::fuzz {

// As it is, and with the checksums of its headers made right: behind them are names, kinds and sizes.
void octf_tar(Input input) {
  read_or_refuse(MemoryFile(input).path());
  std::vector<std::byte> sealed(input.begin(), input.end());
  seal_tar(sealed);
  read_or_refuse(MemoryFile(sealed).path());
}

// Queue 255 is the summary.
void octf_folder(Input input) {
  static const Folder folder;
  folder.fill(input,
              [](unsigned queue) { return queue == 255 ? "octf.summary" : "octf.trace." + std::to_string(queue); });
  read_or_refuse(folder.path());
}

}  // namespace vmbsave::fuzz
