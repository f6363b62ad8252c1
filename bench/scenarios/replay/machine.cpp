#include "scenarios/replay/machine.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "base/clock.hpp"
#include "kmcl/channel.hpp"
#include "restore/image_restore.hpp"
#include "scenarios/replay/replay.hpp"

namespace vmbsave::replay {
namespace {

void require(NTSTATUS status, const char* what) {
  if (NT_SUCCESS(status)) return;
  throw CheckFailed(fmt::format("{} failed: {} (0x{:08X})", what, status_name(static_cast<Status>(status)),
                                static_cast<std::uint32_t>(status)));
}

void require(const SaveReport& report, Status status) {
  if (status == Status::kSuccess) return;
  throw CheckFailed(fmt::format("save failed: {} (0x{:08X}) in phase {}, channel {}, transaction {}",
                                status_name(status), static_cast<std::uint32_t>(status),
                                phase_name(report.failure.phase), report.failure.channel,
                                report.failure.transaction_id));
}

}  // namespace

Machine::Machine(const VMBS_VSP& vsp, Topology topology, std::span<const std::uint32_t> quotas, unsigned threads)
    : vsp_(vsp), topology_(topology), backend_{this, on_submit}, parents_(topology.domains) {
  if (threads > 1) executor_ = make_thread_executor(threads);
  channels_.reserve(topology.channels());
  for (std::uint32_t number = 0; number < topology.channels(); ++number) {
    allocate_channel(number, quotas[number]);
  }
}

Machine::~Machine() {
  for (const VMBCHANNEL channel : channels_) {
    VmbChannelDisable(channel);
    vsp_.release(channel);
    VmbChannelCleanup(channel);
  }
}

void Machine::allocate_channel(std::uint32_t number, std::uint32_t quota) {
  const std::uint32_t domain = number / topology_.channels_per_domain;
  VMBCHANNEL channel = nullptr;
  require(VmbChannelAllocate(reinterpret_cast<PDEVICE_OBJECT>(&parents_[domain]), 1, &channel), "VmbChannelAllocate");
  channels_.push_back(channel);
  require(vsp_.configure(channel, &backend_), "the VSP's configure");
  require(VmbsChannelInitSetCompletionSink(channel, on_completion, this), "VmbsChannelInitSetCompletionSink");
  VmbChannelSetTransactionQuota(channel, quota);
  require(VmbChannelEnable(channel), "VmbChannelEnable");
}

void Machine::start() {
  for (const VMBCHANNEL channel : channels_) VmbChannelStart(channel);
}

void Machine::submit(std::uint32_t channel, const VMBS_VSP_REQUEST& request) {
  if (spare_.empty()) spare_.push_back(std::make_unique<VMBS_VSP_PACKET>());
  std::unique_ptr<VMBS_VSP_PACKET> packet = std::move(spare_.back());
  spare_.pop_back();
  if (!NT_SUCCESS(vsp_.encode(&request, packet.get()))) {
    throw std::runtime_error(fmt::format("record {}: {} bytes at sector {} are more than one request of {} can carry",
                                         request.record, request.bytes, request.lba, vsp_.name));
  }
  const VMBS_INCOMING_PACKET incoming{.TransactionId = request.record + 1,
                                      .Buffer = packet->bytes,
                                      .BufferLength = packet->length,
                                      .CompletionRequested = 1,
                                      .ExternalData = packet->has_external_data != 0 ? &packet->mdl : nullptr};
  in_use_[request.record + 1].sent = std::move(packet);
  require(VmbsChannelReceivePacket(channels_[channel], &incoming), "VmbsChannelReceivePacket");
}

void Machine::complete(std::uint64_t transaction_id) {
  const auto found = in_use_.find(transaction_id);
  if (found == in_use_.end() || found->second.packet == nullptr) {
    throw CheckFailed(fmt::format("transaction {} is to be completed but is not in use", transaction_id));
  }
  const std::uint64_t before = delivered_;
  vsp_.complete(found->second.packet, STATUS_SUCCESS);
  if (delivered_ != before + 1 || unexpected_ != 0) {
    throw CheckFailed(fmt::format("transaction {} was not delivered to the guest exactly once", transaction_id));
  }
}

void Machine::complete_all() {
  while (!in_use_.empty()) complete(in_use_.begin()->first);
}

SavedDomain Machine::save(std::uint32_t domain) {
  kmcl::Vm& vm = *channels_[domain * topology_.channels_per_domain]->vm;
  save::SaveSession& session = vm.session();
  const std::uint64_t start = base::now_ns();
  Status status = session.begin({.executor = executor_.get()});
  if (status != Status::kSuccess) require(session.report(), status);
  status = session.save();
  const std::uint64_t save_ns = base::now_ns() - start;
  session.end(EndMode::kResume);
  require(session.report(), status);
  return {session.image(), save_ns, session.report()};
}

RestoreReport Machine::restore(std::uint32_t domain, std::span<const std::byte> image) {
  kmcl::Vm& vm = *channels_[domain * topology_.channels_per_domain]->vm;
  const RestoreReport report = restore::restore_image(vm.channels(), image, {.executor = executor_.get()});
  if (report.status != Status::kSuccess) {
    throw CheckFailed(fmt::format("restore failed: {} (0x{:08X}) at channel {}, image offset {}",
                                  status_name(report.status), static_cast<std::uint32_t>(report.status), report.channel,
                                  report.offset));
  }
  return report;
}

void Machine::reissue() {
  for (const VMBCHANNEL channel : channels_) vsp_.reissue(channel);
}

VOID Machine::on_submit(VOID* context, VMBPACKET packet, UINT64 transaction_id) {
  static_cast<Machine*>(context)->in_use_[transaction_id].packet = packet;
}

VOID Machine::on_completion(VOID* context, UINT64 transaction_id, const VOID*, UINT32) {
  Machine& machine = *static_cast<Machine*>(context);
  const auto found = machine.in_use_.find(transaction_id);
  if (found == machine.in_use_.end()) {
    ++machine.unexpected_;
    return;
  }
  if (found->second.sent != nullptr) machine.spare_.push_back(std::move(found->second.sent));
  machine.in_use_.erase(found);
  ++machine.delivered_;
}

}  // namespace vmbsave::replay
