#include "scenarios/host/host_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "harness/resident_memory.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::bench {
namespace {

std::string mib(std::uint64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

}  // namespace

HostRun::HostRun(const HostSpec& spec, Executor& executor, const Workload& workload)
    : spec_(spec), executor_(executor) {
  vms_.reserve(spec.vms);
  for (std::uint32_t number = 0; number < spec.vms; ++number) {
    vms_.push_back(std::make_unique<HostVm>(workload, number, spec.packets));
    expect_within_budget();
  }
  if (spec_.memory_budget != 0)
    image_budget_ = std::max<std::uint64_t>((spec_.memory_budget - resident_bytes_) / spec_.vms, 1);
}

void HostRun::expect_within_budget() {
  const std::uint64_t resident = resident_memory();
  resident_bytes_ = std::max(resident_bytes_, resident);
  if (spec_.memory_budget == 0) return;
  if (resident == 0) throw std::runtime_error("--memory-budget: /proc/self/statm does not say what memory is resident");
  if (resident > spec_.memory_budget) fail_over_budget(resident, "take");
}

void HostRun::fail_over_budget(std::uint64_t bytes, const char* take) const {
  throw std::runtime_error(
      fmt::format("{} of {} VMs {} {} of memory, the budget is {}: give fewer with --vms, fewer "
                  "--packets, or a larger --memory-budget",
                  vms_.size(), spec_.vms, take, mib(bytes), mib(spec_.memory_budget)));
}

SaveOptions HostRun::save_options() const noexcept {
  const bool alone = spec_.order == HostOrder::kAtOnce || spec_.threads == 1;
  return {.executor = alone ? nullptr : &executor_, .deadline_ns = spec_.deadline_ns, .memory_budget = image_budget_};
}

void HostRun::save_at_once() noexcept {
  const auto each = [this](Executor::Body body) { executor_.for_each(vms_.size(), 1, body, this); };
  each([](void* self, std::size_t first, std::size_t last) noexcept {
    auto& run = *static_cast<HostRun*>(self);
    for (std::size_t i = first; i < last; ++i) run.vms_[i]->begin(run.save_options());
  });
  each([](void* self, std::size_t first, std::size_t last) noexcept {
    for (std::size_t i = first; i < last; ++i) static_cast<HostRun*>(self)->vms_[i]->finish();
  });
}

void HostRun::save_in_turn() noexcept {
  for (const auto& vm : vms_) {
    vm->begin(save_options());
    vm->finish();
  }
}

void HostRun::round() {
  if (spec_.order == HostOrder::kAtOnce) {
    executor_.run([](void* self) noexcept { static_cast<HostRun*>(self)->save_at_once(); }, this);
  } else {
    save_in_turn();
  }
  HostResult& result = cold_.total_ns.empty() ? cold_ : result_;
  account(result);
  expect_within_budget();
  result.resident_bytes = resident_bytes_;
}

void HostRun::account(HostResult& result) {
  std::uint64_t first = UINT64_MAX;
  std::uint64_t last = 0;
  std::uint64_t longest = 0;
  result.packets = result.channels = result.image_bytes = 0;
  result.threads_taken = spec_.order == HostOrder::kAtOnce ? spec_.threads : 1;
  for (std::size_t i = 0; i < vms_.size(); ++i) {
    HostVm& vm = *vms_[i];
    vm.make_ready();
    const std::uint64_t blackout = vm.ended_ns() - vm.began_ns();
    first = std::min(first, vm.began_ns());
    last = std::max(last, vm.ended_ns());
    longest = std::max(longest, blackout);
    result.blackout_ns.push_back(blackout);
    result.packets += vm.packets();
    result.channels += vm.channels();
    result.image_bytes += vm.image_bytes();
    if (spec_.order == HostOrder::kInTurn) result.threads_taken = std::max(result.threads_taken, vm.threads());
    if (vm.status() == Status::kIoTimeout || blackout > spec_.deadline_ns) ++result.over_deadline;
    if (vm.status() == Status::kIoTimeout) continue;
    if (vm.status() == Status::kQuotaExceeded) fail_over_budget(resident_bytes_, "and their images need more than");
    if (vm.status() != Status::kSuccess) {
      throw CheckFailed(fmt::format("VM {}: its save failed: {}", i, status_name(vm.status())));
    }
    if (const std::string why = vm.difference(); !why.empty()) throw CheckFailed(fmt::format("VM {}: {}", i, why));
    ++result.images_verified;
  }
  if (std::any_of(vms_.begin(), vms_.end(), [](const auto& vm) { return vm->status() != Status::kSuccess; })) {
    result.image_bytes = 0;
  }
  result.total_ns.push_back(last - first);
  result.round_blackout_ns.push_back(longest);
}

}  // namespace vmbsave::bench
