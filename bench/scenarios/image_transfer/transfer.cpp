#include "scenarios/image_transfer/transfer.hpp"

#include "scenarios/save_latency/check.hpp"
#include "scenarios/vm/check_failed.hpp"
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

std::unique_ptr<Machine> make_destination(const Rig& rig) {
  const std::uint32_t channels = rig.point().channels;
  std::vector<std::uint32_t> quotas;
  for (std::uint32_t c = 0; c < channels; ++c) quotas.push_back(packets_on(rig.point(), c));
  return std::make_unique<Machine>(rig.vsp(), Topology{1, channels}, quotas);
}

void expect_restored(const Rig& rig, Machine& destination) {
  const std::string why = image_difference(rig, destination.save(0, {}).image, true);
  if (!why.empty()) throw CheckFailed("restored: " + why);
}

}  // namespace vmbsave::bench
