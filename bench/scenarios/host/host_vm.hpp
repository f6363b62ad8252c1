// host_vm.hpp: one virtual machine of a host: its channels, the packets in use on them, and its save in two steps.
#pragma once

#include <cstdint>
#include <string>

#include "scenarios/host/workload.hpp"
#include "scenarios/vm/machine.hpp"
#include "scenarios/vm/verify.hpp"

namespace vmbsave::bench {

class HostVm {
 public:
  // With `packets` requests of the workload in use, each VM with others. Throws as Machine does.
  HostVm(const Workload& workload, std::uint32_t number, std::uint32_t packets);

  // The cut.
  void begin(const SaveOptions& options) noexcept;
  // The rest of the save, and its end. On any thread.
  void finish() noexcept;
  // Before the next begin.
  void make_ready() noexcept;

  std::uint64_t began_ns() const noexcept { return began_ns_; }
  std::uint64_t ended_ns() const noexcept { return ended_ns_; }
  // Of the last save; kIoTimeout: its deadline ended it, and there is no image.
  Status status() const noexcept { return status_; }
  std::uint64_t image_bytes() const;
  unsigned threads() const;  // that took part
  // Empty if the last image holds exactly the packets in use, else the first difference.
  // Where the VSP does not say what states must be: those of the first image.
  std::string difference();

  std::uint64_t packets() const noexcept { return machine_.in_use(); }
  std::uint32_t channels() const noexcept { return machine_.topology().channels(); }

 private:
  void put_in_use(std::uint32_t channel, std::uint64_t number, std::uint64_t record);

  const Workload& workload_;
  Machine machine_;
  ExpectedChannels expected_;
  SavedStates states_;  // of the first image that was compared
  std::uint64_t began_ns_ = 0;
  std::uint64_t ended_ns_ = 0;
  Status status_ = Status::kSuccess;
};

}  // namespace vmbsave::bench
