#include "scenarios/live/disk_command.hpp"

namespace vmbsave::bench {
namespace {

std::uint64_t big_endian(const std::uint8_t* bytes, unsigned count) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

std::optional<DiskCommand> disk_command(const storvsp::ScsiRequest& request, std::uint64_t disk_blocks) {
  const std::uint8_t* const cdb = request.payload;
  const std::uint8_t opcode = cdb[0];
  DiskCommand command{opcode == storvsp::kWrite10 || opcode == storvsp::kWrite16, 0, 0};
  if (opcode == storvsp::kRead10 || opcode == storvsp::kWrite10) {
    command.block = big_endian(cdb + 2, 4);
    command.blocks = big_endian(cdb + 7, 2);
  } else if (opcode == storvsp::kRead16 || opcode == storvsp::kWrite16) {
    command.block = big_endian(cdb + 2, 8);
    command.blocks = big_endian(cdb + 10, 4);
  } else {
    return std::nullopt;
  }
  const bool fits = command.block <= disk_blocks && command.blocks <= disk_blocks - command.block;
  if (!fits || command.blocks * storvsp::kBlockBytes != request.data_transfer_length) return std::nullopt;
  return command;
}

}  // namespace vmbsave::bench
