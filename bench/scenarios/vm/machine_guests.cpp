// machine_guests.cpp: what the guests of a Machine do with what comes to them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "vmbsave/status.hpp"

namespace vmbsave::bench {
namespace {

std::string text(NTSTATUS status) {
  return fmt::format("{} (0x{:08X})", status_name(static_cast<Status>(status)), static_cast<std::uint32_t>(status));
}

std::span<const UINT8> bytes_of(const guest::Received& packet) {
  return {reinterpret_cast<const UINT8*>(packet.payload.data()), packet.payload.size()};
}

std::uint64_t answers(VMBCHANNEL channel) {
  VMBS_CHANNEL_STATISTICS statistics{};
  statistics.Size = sizeof statistics;
  (void)VmbsChannelGetStatistics(channel, &statistics);
  return statistics.Answered;
}

}  // namespace

void Machine::receive(VMBCHANNEL channel) {
  guest::Guest& guest = *ends_.at(channel).guest;
  while (const std::optional<guest::Received> packet = guest.receive()) {
    if (packet->kind == guest::Received::Kind::kCompletion) {
      take_completion(channel, *packet);
    } else {
      take_data(channel, *packet);
    }
  }
  if (guest.malformed()) ++unexpected_;
}

void Machine::take_completion(VMBCHANNEL channel, const guest::Received& packet) {
  const auto found = in_use_.find(packet.transaction_id);
  if (found == in_use_.end()) {
    ++unexpected_;
    return;
  }
  const Request request = found->second;
  in_use_.erase(found);
  ++delivered_;
  const End& end = ends_.at(channel);
  if (end.vsp->retire != nullptr) end.vsp->retire(end.device, request.held);
  expect_true_status(channel, request, packet);
}

// What the backing store said, or was about to say at the cut. Where it had said nothing: no success.
void Machine::expect_true_status(VMBCHANNEL channel, const Request& request, const guest::Received& packet) const {
  const VMBS_VSP& vsp = vsp_of(channel);
  if (vsp.outcome == nullptr) return;
  const std::span<const UINT8> bytes = bytes_of(packet);
  NTSTATUS told = STATUS_SUCCESS;
  if (!NT_SUCCESS(vsp.outcome(bytes.data(), static_cast<UINT32>(bytes.size()), &told))) {
    throw CheckFailed(fmt::format("transaction {}: its completion is none of {}", packet.transaction_id, vsp.name));
  }
  const bool expected = request.asked ? NT_SUCCESS(*request.asked) : false;
  if (NT_SUCCESS(told) == expected) return;
  throw CheckFailed(fmt::format("transaction {}: the guest is told {}, {}", packet.transaction_id, text(told),
                                request.asked ? "expected " + text(*request.asked) : "and nobody has carried it out"));
}

void Machine::take_data(VMBCHANNEL channel, const guest::Received& packet) {
  if (!arriving_ || !packet.completion_requested) {
    ++unexpected_;
    return;
  }
  const std::span<const UINT8> bytes = bytes_of(packet);
  Arrived arrived{channel, *std::exchange(arriving_, std::nullopt), {bytes.begin(), bytes.end()}};
  const End& end = ends_.at(channel);
  const NTSTATUS status =
      end.vsp->accept(end.device, bytes.data(), static_cast<UINT32>(bytes.size()), &arrived.request);
  if (!NT_SUCCESS(status)) {
    throw CheckFailed(fmt::format("record {}: what the guest received is not its frame", arrived.request.record));
  }
  arrived.request.transaction_id = packet.transaction_id;
  received_.insert_or_assign(arrived.request.record, arrived);
}

void Machine::deliver(std::uint32_t channel, const VMBS_VSP_REQUEST& request) {
  const VMBCHANNEL to = channels_[channel];
  arriving_ = request;
  const VMBS_VSP& vsp = vsp_of(to);
  const NTSTATUS status = vsp.deliver == nullptr ? STATUS_INVALID_PARAMETER : vsp.deliver(to, &request);
  if (status == STATUS_INVALID_PARAMETER) throw std::runtime_error(too_much(request, vsp));
  if (status == STATUS_INSUFFICIENT_RESOURCES) {
    throw DeviceFull(fmt::format("record {}: no receive buffer is left for a frame of {} bytes: {} frames hold them",
                                 request.record, request.bytes, received_.size()));
  }
  if (!NT_SUCCESS(status))
    throw CheckFailed(fmt::format("record {}: deliver failed: {}", request.record, text(status)));
  receive(to);
  if (arriving_ || unexpected_ != 0) {
    throw CheckFailed(fmt::format("record {} did not reach the guest exactly once", request.record));
  }
}

const VMBS_VSP_REQUEST& Machine::received(std::uint64_t record) const {
  const auto found = received_.find(record);
  if (found == received_.end()) throw CheckFailed(fmt::format("record {} is not with the guest", record));
  return found->second.request;
}

void Machine::answer(std::uint64_t record) {
  const UINT64 transaction_id = received(record).transaction_id;
  const VMBCHANNEL channel = received_.at(record).channel;
  expect_untouched(received_.at(record));
  received_.erase(record);
  guest::Guest& guest = *ends_.at(channel).guest;
  const std::uint64_t before = answers(channel);
  UINT8 bytes[VMBS_VSP_MAX_INLINE];
  const UINT32 length = std::min<UINT32>(vsp_of(channel).answer(bytes), VMBS_VSP_MAX_INLINE);
  if (!guest.complete(transaction_id, std::as_bytes(std::span(bytes, length)))) {
    throw CheckFailed(fmt::format("the answer to record {} does not go into the ring to the host", record));
  }
  if (const NTSTATUS status = guest.signal(); !NT_SUCCESS(status)) {
    throw CheckFailed(fmt::format("VmbsChannelProcessIncoming failed: {}", text(status)));
  }
  if (answers(channel) != before + 1) {
    throw CheckFailed(fmt::format("record {}: the guest's answer did not end its packet", record));
  }
  ++answered_;
}

// What the guest has, nobody writes to until it has answered.
void Machine::expect_untouched(const Arrived& arrived) const {
  if (arrived.bytes.empty()) return;
  const End& end = ends_.at(arrived.channel);
  VMBS_VSP_REQUEST again = arrived.request;
  if (NT_SUCCESS(end.vsp->accept(end.device, arrived.bytes.data(), static_cast<UINT32>(arrived.bytes.size()), &again)))
    return;
  throw CheckFailed(fmt::format("record {}: its frame was written over while the guest had it", again.record));
}

void Machine::inherit(const Machine& source) {
  for (const auto& [transaction_id, request] : source.in_use_) {
    in_use_[transaction_id].asked = request.asked;  // what it holds is the source's device's
  }
  for (const auto& [record, arrived] : source.received_) {
    const auto at = std::find(source.channels_.begin(), source.channels_.end(), arrived.channel);
    received_[record] = {channels_[static_cast<std::size_t>(at - source.channels_.begin())], arrived.request, {}};
  }
}

}  // namespace vmbsave::bench
