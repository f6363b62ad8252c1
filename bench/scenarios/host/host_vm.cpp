#include "scenarios/host/host_vm.hpp"

#include <algorithm>
#include <vector>

#include "base/clock.hpp"
#include "kmcl/vm.hpp"
#include "save/session.hpp"
#include "scenarios/vm/trace_request.hpp"

namespace vmbsave::bench {
namespace {

// A channel's share of a VM's packets: the first ones have one more.
std::uint32_t share_of(std::uint32_t packets, std::uint32_t channels, std::uint32_t channel) {
  return packets / channels + (channel < packets % channels ? 1 : 0);
}

std::vector<std::uint32_t> quotas_of(std::uint32_t packets, std::uint32_t channels) {
  constexpr std::uint32_t kLeast = 64;
  std::vector<std::uint32_t> quotas;
  for (std::uint32_t c = 0; c < channels; ++c) quotas.push_back(std::max(kLeast, share_of(packets, channels, c)));
  return quotas;
}

// What a VSP may send: any of its packets may be a receive.
std::vector<std::uint32_t> sends_of(const Workload& workload, std::uint32_t packets) {
  const auto channels = static_cast<std::uint32_t>(workload.size());
  std::vector<std::uint32_t> sends;
  for (std::uint32_t c = 0; c < channels; ++c) {
    sends.push_back(workload[c].vsp->deliver == nullptr ? 0 : share_of(packets, channels, c));
  }
  return sends;
}

std::uint32_t channels_of(const Workload& workload) { return static_cast<std::uint32_t>(workload.size()); }

}  // namespace

HostVm::HostVm(const Workload& workload, std::uint32_t number, std::uint32_t packets)
    : workload_(workload),
      machine_(vsps_of(workload), Topology{1, channels_of(workload)}, quotas_of(packets, channels_of(workload)),
               sends_of(workload, packets)),
      expected_(channels_of(workload)) {
  machine_.start();
  std::uint64_t record = 0;
  for (std::uint32_t c = 0; c < channels(); ++c) {
    const std::uint64_t share = share_of(packets, channels(), c);
    for (std::uint64_t i = 0; i < share; ++i) put_in_use(c, number * share + i, record++);
    put_receives_last(expected_[c]);
  }
}

void HostVm::put_in_use(std::uint32_t channel, std::uint64_t number, std::uint64_t record) {
  const trace::Trace& trace = workload_[channel].trace;
  const VMBS_VSP_REQUEST request = vsp_request(trace.requests[number % trace.requests.size()], record);
  machine_.put_in_use(channel, request);
  const bool is_receive = request.operation == VMBS_VSP_RECEIVE;
  expected_[channel].push_back(is_receive ? machine_.received(record) : request);
}

void HostVm::begin(const SaveOptions& options) noexcept {
  began_ns_ = base::now_ns();
  status_ = machine_.vm(0).session().begin(options);
}

void HostVm::finish() noexcept {
  if (status_ == Status::kSuccess) {
    status_ = machine_.vm(0).session().save();
    machine_.vm(0).session().end(EndMode::kResume);
  }
  ended_ns_ = base::now_ns();
}

void HostVm::make_ready() noexcept { machine_.vm(0).session().prepare_next(); }

unsigned HostVm::threads() const { return machine_.vm(0).session().report().threads; }

std::uint64_t HostVm::image_bytes() const {
  return status_ == Status::kSuccess ? machine_.vm(0).session().image().bytes() : 0;
}

std::string HostVm::difference() {
  StatesOfVsp states{.known = &states_};
  if (states_.empty()) states = {.found = &states_};
  return bench::difference(gather(machine_.vm(0).session().image()), expected_, vsps_of(workload_), Checksums::kChecked,
                           states);
}

}  // namespace vmbsave::bench
