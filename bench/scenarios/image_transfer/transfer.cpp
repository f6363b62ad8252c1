#include "scenarios/image_transfer/transfer.hpp"

#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {

const char* journey_name(Journey journey) noexcept {
  switch (journey) {
    case Journey::kToFile:
      return "save_to_file";
    case Journey::kToSocket:
      return "save_to_socket";
    case Journey::kRestore:
      return "restore";
    case Journey::kPrepared:
      return "restore_prepared";
    case Journey::kVerify:
      return "verify";
  }
  return "?";
}

std::vector<std::byte> saved_image(Rig& rig, Executor* executor) {
  return gather(rig.machine().save(0, {.executor = executor}).image);
}

std::unique_ptr<Transfer> make_transfer(Journey journey, Rig& rig, Executor* executor, const std::string& folder) {
  const bool saves = journey == Journey::kToFile || journey == Journey::kToSocket;
  return saves ? make_save_transfer(journey, rig, executor, folder) : make_restore_transfer(journey, rig, executor);
}

}  // namespace vmbsave::bench
