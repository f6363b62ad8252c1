// schedule.hpp: a trace in virtual time: when each request of each virtual machine is submitted and completed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "trace/trace.hpp"

namespace vmbsave::replay {

// One VM is the trace itself; VM number v is the same trace, v * shift later.
struct Replication {
  std::uint32_t vms = 1;
  std::uint64_t shift_ns = 0;
};

struct Event {
  std::uint64_t time_ns;
  bool submit;   // else a completion, or a settlement
  bool instant;  // of a request that completes when it is submitted: in use at no time
  std::uint32_t record;
  std::uint32_t vm;
  bool settle = false;  // a transmit was carried out, and its completion is held back
};

// The most requests in use, when that is first the case, and the most in use on each channel at any time.
struct Survey {
  std::uint64_t peak = 0;
  std::uint64_t peak_time_ns = 0;
  std::uint64_t end_ns = 0;
  std::vector<std::uint32_t> channel_peaks;
};

class Schedule {
 public:
  // With a service time each request completes that long after its submission, whatever the trace has measured. Without
  // one, a request without a measured completion is in use until the end. The completion of a transmit is held back for
  // so long when it was carried out. The trace must outlive the schedule. Nothing here grows with the trace, only with
  // what is in use at a time.
  Schedule(const trace::Trace& trace, std::optional<std::uint64_t> service_time_ns, Replication replication,
           std::uint64_t completion_delay_ns = 0);

  const trace::Trace& trace() const noexcept { return trace_; }
  const Replication& replication() const noexcept { return replication_; }
  // When a request has been carried out, and when it completes; kNoCompletion if it is in use until the end. Counted,
  // as its submission, from the start of the VM.
  std::uint64_t carried_out(const trace::Request& request) const noexcept;
  std::uint64_t completion(const trace::Request& request) const noexcept;
  std::uint64_t requests() const noexcept { return trace_.requests.size() * std::uint64_t{replication_.vms}; }

  // Visits the events of all VMs in order of time, up to and including `until_ns`; at one instant completions come
  // first, but none before its own submission. visit returns false to stop.
  using Visit = std::function<bool(const Event&)>;
  void for_each_event(std::uint64_t until_ns, const Visit& visit) const;

  // channel_of(vm, record) numbers the channels from 0.
  using ChannelOf = std::function<std::uint32_t(std::uint32_t vm, std::uint32_t record)>;
  Survey survey(std::uint32_t channels, const ChannelOf& channel_of) const;

  // The records in use at an instant (submitted at or before it, not yet completed), as (vm, record), in order of
  // submission.
  struct InUse {
    std::uint32_t vm;
    std::uint32_t record;
    bool settled;  // a transmit that was carried out
  };
  std::vector<InUse> in_use_at(std::uint64_t time_ns) const;

 private:
  const trace::Trace& trace_;
  const std::optional<std::uint64_t> service_time_ns_;
  const Replication replication_;
  const std::uint64_t completion_delay_ns_;
};

}  // namespace vmbsave::replay
