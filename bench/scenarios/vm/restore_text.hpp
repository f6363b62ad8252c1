// restore_text.hpp: in words, why an image was refused.
#pragma once

#include <string>

#include "vmbsave/restore.hpp"

namespace vmbsave::bench {

// One line without its end, such as "the checksum of a chunk does not match: channel 3, the chunk at byte 4,096
// (STATUS_CRC_ERROR)".
std::string describe(const RestoreReport& report);

}  // namespace vmbsave::bench
