#include "scenarios/image_transfer/transfer.hpp"

namespace vmbsave::bench {

std::unique_ptr<Transfer> make_transfer(Journey journey, Rig& rig, Executor* executor, const std::string& folder) {
  const bool saves = journey == Journey::kToFile || journey == Journey::kToSocket;
  return saves ? make_save_transfer(journey, rig, executor, folder) : make_restore_transfer(journey, rig, executor);
}

}  // namespace vmbsave::bench
