// transfer.hpp: what becomes of an image: saved into a file or a socket, checked, restored; and a copy of the same
// bytes to the same place.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/save_latency/rig.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::bench {

class Machine;

enum class Journey : std::uint8_t {
  kToFile,    // begin, save, send meanwhile, until the file has its name and is on the disk
  kToSocket,  // the same until the last byte is the kernel's; somebody reads at the other end
  kRestore,   // an image in memory, into channels that were just enabled
  kPrepared,  // likewise, into channels that have their packets ready
  kVerify,    // what a restore checks, without its callbacks
};
const char* journey_name(Journey journey) noexcept;  // such as "save_to_file"

struct TransferTimes {
  std::uint64_t ns = 0;           // of all of it
  std::uint64_t blackout_ns = 0;  // of a save: from begin until end has delivered; 0: no save
  std::vector<std::pair<const char*, std::uint64_t>> parts;  // of `ns`, in order
};

// All throw CheckFailed, in one line, if something is not as it must be.
class Transfer {
 public:
  virtual ~Transfer() = default;
  virtual void make_ready() {}  // before each run: what it needs and is no part of it
  virtual TransferTimes run() = 0;
  virtual std::uint64_t copy() = 0;  // nanoseconds: the image's bytes to the same place by a plain copy
  virtual std::uint64_t image_bytes() const = 0;
  // What arrived in the last run is what was sent.
  virtual void check() = 0;
};

// executor: of the save or restore; nullptr for the calling thread alone. folder: where files are written.
std::unique_ptr<Transfer> make_transfer(Journey journey, Rig& rig, Executor* executor, const std::string& folder);

// Both by their files of the same names.
std::unique_ptr<Transfer> make_save_transfer(Journey journey, Rig& rig, Executor* executor, const std::string& folder);
std::unique_ptr<Transfer> make_restore_transfer(Journey journey, Rig& rig, Executor* executor);

// For both: a fused save with checksums and its image; a VM with the rig's channels and nothing in use; and that what
// it restored is the rig's packets, each of them.
std::vector<std::byte> saved_image(Rig& rig, Executor* executor);
std::unique_ptr<Machine> make_destination(const Rig& rig);
void expect_restored(const Rig& rig, Machine& destination);

}  // namespace vmbsave::bench
