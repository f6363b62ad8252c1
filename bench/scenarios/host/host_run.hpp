// host_run.hpp: the virtual machines of a row, made once and saved round after round.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "scenarios/host/host_result.hpp"
#include "scenarios/host/host_spec.hpp"
#include "scenarios/host/host_vm.hpp"
#include "scenarios/host/workload.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::bench {

class HostRun {
 public:
  // Makes the VMs. executor: spec.threads of them. Throws std::runtime_error, in one line, if they take more memory
  // than the budget; else as HostVm. The workload must outlive the run.
  HostRun(const HostSpec& spec, Executor& executor, const Workload& workload);

  // One save of each VM, timed, and each image compared with the packets. Throws CheckFailed if one is not as it must
  // be, or a save fails for another reason than its deadline; std::runtime_error if the memory is over the budget.
  void round();

  // The first round maps the images' memory, as in a host that saves each VM once: it is kept apart.
  const HostResult& cold() const noexcept { return cold_; }
  const HostResult& result() const noexcept { return result_; }

 private:
  SaveOptions save_options() const noexcept;
  void save_at_once() noexcept;
  void save_in_turn() noexcept;
  void account(HostResult& result);
  void expect_within_budget();
  [[noreturn]] void fail_over_budget(std::uint64_t bytes, const char* take) const;

  const HostSpec spec_;
  Executor& executor_;
  std::vector<std::unique_ptr<HostVm>> vms_;
  std::uint64_t image_budget_ = 0;  // of one VM's image; 0: no limit
  std::uint64_t resident_bytes_ = 0;
  HostResult cold_;
  HostResult result_;
};

}  // namespace vmbsave::bench
