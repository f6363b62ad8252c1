// readme_example.hpp: the example of README.md, which has these lines between the two of dashes.
#pragma once

#include <vector>

#include "vmbsave/kmcl.h"

namespace vmbsave::test {

// ----
// A channel's packets in use, as bytes; empty if that failed, and then nothing was lost either.
inline std::vector<UINT8> save(VMBCHANNEL channel) {
  std::vector<UINT8> image(64);
  ULONG size = 0, filled = 0, required = 0;
  if (!NT_SUCCESS(VmbChannelSaveBegin(channel))) return {};  // the cut: completions wait from here on
  NTSTATUS status = STATUS_BUFFER_OVERFLOW;
  while (status == STATUS_BUFFER_OVERFLOW || status == STATUS_BUFFER_TOO_SMALL) {
    if (required > image.size() - size) image.resize(size + required);
    status = VmbChannelSaveContinue(channel, &image[size], static_cast<ULONG>(image.size() - size), &filled, &required);
    size += filled;
  }
  VmbChannelSaveEnd(channel);  // what was completed meanwhile is delivered, the packets go on
  image.resize(status == STATUS_SUCCESS ? size : 0);
  return image;
}

// Before the channel is started: RestorePacket gets each packet of the image.
inline bool restore(VMBCHANNEL channel, std::vector<UINT8>& image) {
  return VmbChannelRestoreFromBuffer(channel, image.data(), static_cast<ULONG>(image.size())) == STATUS_SUCCESS;
}
// ----

}  // namespace vmbsave::test
