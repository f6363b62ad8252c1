// readme_example.hpp: the examples of README.md and of EMBEDDING.md, which have these lines between two of dashes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "vmbsave/kmcl.h"

namespace vmbsave::test {

// ---- README.md
// A channel's packets in use, as bytes; empty if that failed, and then nothing was lost either.
inline std::vector<UINT8> save(VMBCHANNEL channel) {
  if (!NT_SUCCESS(VmbChannelSaveBegin(channel))) return {};  // the cut: completions wait from here on
  std::vector<UINT8> image;
  ULONG size = 0, filled = 0, required = 64;
  NTSTATUS status = STATUS_BUFFER_OVERFLOW;
  for (; status == STATUS_BUFFER_OVERFLOW || status == STATUS_BUFFER_TOO_SMALL; size += filled) {
    image.resize(std::max<std::size_t>(image.size(), size + required));
    status = VmbChannelSaveContinue(channel, image.data() + size, ULONG(image.size()) - size, &filled, &required);
  }
  VmbChannelSaveEnd(channel);  // what was completed meanwhile is delivered, the packets go on
  image.resize(status == STATUS_SUCCESS ? size : 0);
  return image;
}
// ----

// ---- engine/EMBEDDING.md
// Before the channel is started: RestorePacket gets each packet of the image.
inline bool restore(VMBCHANNEL channel, std::vector<UINT8>& image) {
  return VmbChannelRestoreFromBuffer(channel, image.data(), ULONG(image.size())) == STATUS_SUCCESS;
}
// ----

}  // namespace vmbsave::test
