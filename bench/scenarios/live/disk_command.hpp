// disk_command.hpp: what a guest's SCSI request asks of a disk.
#pragma once

#include <cstdint>
#include <optional>

#include "vsp/storvsp/wire.hpp"

namespace vmbsave::bench {

// In blocks of 512 bytes.
struct DiskCommand {
  bool write;
  std::uint64_t block;
  std::uint64_t blocks;
};

// Nothing: neither a read nor a write, beyond a disk of so many blocks, or not as long as its data.
std::optional<DiskCommand> disk_command(const storvsp::ScsiRequest& request, std::uint64_t disk_blocks);

}  // namespace vmbsave::bench
