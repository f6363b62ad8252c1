// octf_target.cpp: octf traces, as an archive and as a folder.
#include <algorithm>
#include <cstring>
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

// Files one behind the other: the queue, the length as 16 bits, the bytes; the last may be shorter. Queue 255 is the
// summary.
void octf_folder(Input input) {
  static const Folder folder;
  folder.clear();
  for (std::uint16_t length = 0; input.size() > 3; input = input.subspan(length)) {
    const unsigned queue = std::to_integer<unsigned>(input.front());
    std::memcpy(&length, input.data() + 1, sizeof length);
    input = input.subspan(3);
    length = static_cast<std::uint16_t>(std::min<std::size_t>(length, input.size()));
    folder.write(queue == 255 ? "octf.summary" : "octf.trace." + std::to_string(queue), input.first(length));
  }
  read_or_refuse(folder.path());
}

}  // namespace vmbsave::fuzz
