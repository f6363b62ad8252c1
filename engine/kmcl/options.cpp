// options.cpp: how a VM is saved, and what its last save and its channels did.
#include <new>

#include "kmcl/channel.hpp"

using vmbsave::SavePhase;
using vmbsave::kmcl::is_enabled;
using vmbsave::kmcl::is_live;
using vmbsave::kmcl::to_ntstatus;

namespace {

constexpr UINT32 kMostThreads = 1024;

static_assert(static_cast<UINT32>(vmbsave::SavePlan::kAuto) == VMBS_PLAN_AUTO &&
              static_cast<UINT32>(vmbsave::SavePlan::kExact) == VMBS_PLAN_EXACT &&
              static_cast<UINT32>(vmbsave::SavePlan::kFused) == VMBS_PLAN_FUSED &&
              vmbsave::kCalibrated == VMBS_CALIBRATED);

bool is_sound(const VMBS_SAVE_OPTIONS& options) noexcept {
  return options.Size == sizeof options && options.Executor <= VMBS_EXECUTOR_AUTO && options.Threads <= kMostThreads &&
         options.Plan <= VMBS_PLAN_FUSED;
}

}  // namespace

VOID VMBS_SAVE_OPTIONS_INIT(VMBS_SAVE_OPTIONS* Options) {
  if (Options == nullptr) return;
  *Options = {};
  Options->Size = sizeof *Options;
  Options->Executor = VMBS_EXECUTOR_AUTO;
  Options->Checksum = 1;
  Options->SerialBelow = VMBS_CALIBRATED;
}

NTSTATUS VmbsChannelSetSaveOptions(VMBCHANNEL Channel, const VMBS_SAVE_OPTIONS* Options) {
  if (!is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Options == nullptr || !is_sound(*Options)) return STATUS_INVALID_PARAMETER_2;
  try {
    return to_ntstatus(Channel->vm->set_options(*Options));
  } catch (const std::bad_alloc&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
}

NTSTATUS VmbsChannelGetSaveStatistics(VMBCHANNEL Channel, VMBS_SAVE_STATISTICS* Statistics) {
  if (!is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Statistics == nullptr || Statistics->Size != sizeof *Statistics) return STATUS_INVALID_PARAMETER_2;
  const vmbsave::SaveReport& report = Channel->vm->report();
  const auto phase = [&](SavePhase p) { return report.phase_ns[static_cast<unsigned>(p)]; };
  *Statistics = {.Size = sizeof *Statistics,
                 .FailureStatus = to_ntstatus(report.failure.status),
                 .FailureTransactionId = report.failure.transaction_id,
                 .FailureChannel = report.failure.channel,
                 .GrowthRetries = static_cast<UINT32>(report.growth_retries),
                 .Channels = report.channels,
                 .Packets = report.packets,
                 .ImageBytes = report.image_bytes,
                 .DeferredDelivered = report.deferred_delivered,
                 .CutNs = phase(SavePhase::kCut),
                 .TransitWaitNs = phase(SavePhase::kTransitWait),
                 .SizeNs = phase(SavePhase::kSize),
                 .PlaceNs = phase(SavePhase::kPlace),
                 .SaveNs = phase(SavePhase::kSave),
                 .PassNs = phase(SavePhase::kPass),
                 .SealNs = phase(SavePhase::kSeal),
                 .EndNs = phase(SavePhase::kEnd),
                 .Plan = static_cast<UINT32>(report.plan),
                 .Threads = report.threads};
  return STATUS_SUCCESS;
}

NTSTATUS VmbsChannelGetStatistics(VMBCHANNEL Channel, VMBS_CHANNEL_STATISTICS* Statistics) {
  if (!is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Statistics == nullptr || Statistics->Size != sizeof *Statistics) return STATUS_INVALID_PARAMETER_2;
  if (!is_enabled(Channel)) return STATUS_INVALID_DEVICE_STATE;
  const std::lock_guard lock(Channel->life);
  if (Channel->channel == nullptr) return STATUS_INVALID_DEVICE_STATE;
  const auto& table = Channel->channel->table();
  const VMBCHANNEL__::Counters& counters = Channel->counters;
  const std::uint32_t incoming = table.count_incoming();
  *Statistics = {.Size = sizeof *Statistics,
                 .IncomingInUse = incoming,
                 .OutgoingInUse = table.count_used() - incoming,
                 .OutgoingQueued = Channel->sends.queued(),
                 .Received = counters.received.load_relaxed(),
                 .Batches = counters.batches.load_relaxed(),
                 .Sent = counters.sent.load_relaxed(),
                 .Answered = counters.answered.load_relaxed(),
                 .StrayCompletions = counters.stray_completions.load_relaxed(),
                 .QuotaStops = counters.quota_stops.load_relaxed(),
                 .RoomStops = counters.room_stops.load_relaxed(),
                 .Misuses = counters.misuses.load_relaxed()};
  return STATUS_SUCCESS;
}
