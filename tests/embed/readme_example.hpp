// readme_example.hpp: the examples of README.md and of EMBEDDING.md, which have these lines between two of dashes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "vmbsave/kmcl.h"

namespace vmbsave::test {

// ---- README.md
// A channel's packets in use, as bytes. False: it failed, bytes are of no use, and no packet was lost.
[[nodiscard]] inline bool save(VMBCHANNEL channel, std::vector<UINT8>& bytes) {
  if (!NT_SUCCESS(VmbChannelSaveBegin(channel))) return false;  // the cut: completions wait from here on
  NTSTATUS status = STATUS_BUFFER_OVERFLOW;
  ULONG size = 0, filled = 0, required = 64;
  for (; status == STATUS_BUFFER_OVERFLOW || status == STATUS_BUFFER_TOO_SMALL; size += filled) {
    bytes.resize(std::max<std::size_t>(bytes.size(), size + required));
    status = VmbChannelSaveContinue(channel, bytes.data() + size, ULONG(bytes.size()) - size, &filled, &required);
  }
  VmbChannelSaveEnd(channel);  // what was completed meanwhile is delivered, the packets go on
  bytes.resize(status == STATUS_SUCCESS ? size : 0);
  return status == STATUS_SUCCESS;
}
// ----

// ---- engine/EMBEDDING.md
// Before the channel is started: RestorePacket gets each packet of the image.
inline bool restore(VMBCHANNEL channel, std::vector<UINT8>& image) {
  return VmbChannelRestoreFromBuffer(channel, image.data(), ULONG(image.size())) == STATUS_SUCCESS;
}
// ----

}  // namespace vmbsave::test
