#include "scenarios/live/live_host.hpp"

#include <fmt/format.h>

#include <cstring>
#include <new>
#include <stdexcept>
#include <thread>

#include "kmcl/channel.hpp"
#include "scenarios/live/live_vsp.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "vsp/storvsp/wire.hpp"

namespace vmbsave::bench {
namespace {

void require(NTSTATUS status, const char* what) {
  if (NT_SUCCESS(status)) return;
  throw CheckFailed(fmt::format("{} failed: {}", what, status_name(static_cast<Status>(status))));
}

// Every request and every completion of a channel at once, headers included, and more.
constexpr std::uint32_t ring_pages(std::uint32_t depth) { return 2 + depth / 8; }

std::unique_ptr<guest::Guest> make_guest(std::uint32_t depth) {
  auto made = guest::Guest::create({.to_host_pages = ring_pages(depth), .to_guest_pages = ring_pages(depth)});
  if (made == nullptr) throw std::bad_alloc();
  return made;
}

}  // namespace

LiveHost::LiveHost(const LiveSpec& spec, const LiveRequests& requests, int disk, std::byte* memory, FirstFault& fault)
    : spec_(spec),
      requests_(requests),
      vsp_(live_vsp(spec)),
      backend_{this, on_submit, nullptr},
      disk_(disk),
      memory_(memory),
      fault_(fault),
      ring_(spec.slots()),
      standings_(spec.slots()),
      requests_under_way_(spec.slots()) {
  for (std::uint32_t number = 0; number < spec.channels; ++number) add_channel(number);
}

// Cleanup drops what is in use after a failure; until it has returned the channel may use the rings.
LiveHost::~LiveHost() {
  wait_for_disk();
  for (const VMBCHANNEL channel : channels_) {
    if (vsp_.release != nullptr) vsp_.release(channel);
    VmbChannelCleanup(channel);
  }
  for (const auto& guest : guests_) guest->detach();
}

// What the kernel was handed; it may have been the kernel that refused more.
void LiveHost::wait_for_disk() noexcept try {
  for (; on_disk_ > ring_.not_submitted(); --on_disk_) (void)ring_.wait();
} catch (const std::system_error&) {
}

void LiveHost::add_channel(std::uint32_t number) {
  guests_.push_back(make_guest(spec_.depth));
  VMBCHANNEL channel = nullptr;
  require(VmbChannelAllocate(reinterpret_cast<PDEVICE_OBJECT>(&parent_), 1, &channel), "VmbChannelAllocate");
  if (const NTSTATUS status = vsp_.configure(channel, &backend_); !NT_SUCCESS(status)) {
    VmbChannelCleanup(channel);
    require(status, fmt::format("{}'s configure", vsp_.name).c_str());
  }
  channels_.push_back(channel);
  if (vsp_.concurrent_callbacks != 0) {
    require(VmbsChannelInitSetConcurrentCallbacks(channel, 1), "VmbsChannelInitSetConcurrentCallbacks");
  }
  VmbChannelSetTransactionQuota(channel, spec_.depth);
  require(VmbChannelEnable(channel), "VmbChannelEnable");
  require(guests_[number]->open(channel), "VmbsChannelOpen");
  VmbChannelStart(channel);
}

save::SaveSession& LiveHost::session() const { return channels_.front()->vm->session(); }

void LiveHost::serve() {
  while (!stop_.load(std::memory_order_relaxed) || on_disk_ != 0) {
    const bool taken = take_requests();
    const bool done = take_completions();
    if (!taken && !done) std::this_thread::yield();  // the saver may share this processor
  }
}

// All that the rings hold goes to the disk by one call of the kernel.
bool LiveHost::take_requests() {
  const bool all = look_again_.exchange(false, std::memory_order_acquire);
  bool any = false;
  for (const auto& guest : guests_) {
    if (!all && !guest->host_work_due()) continue;
    std::uint32_t taken = 0;
    const NTSTATUS status = guest->signal(0, &taken);
    any = any || taken != 0;
    // While a save runs the rest stays in the ring until go_on(), and until a place is free the library asks again.
    if (NT_SUCCESS(status) || status == STATUS_DEVICE_BUSY || status == STATUS_INSUFFICIENT_RESOURCES) continue;
    fault_.note(fmt::format("the incoming queue stopped: {}", status_name(static_cast<Status>(status))));
  }
  ring_.submit();
  return any;
}

bool LiveHost::take_completions() {
  bool any = false;
  while (const auto done = ring_.next()) {
    any = true;
    --on_disk_;
    finish(*static_cast<UnderWay*>(done->tag), done->result);
  }
  return any;
}

VOID LiveHost::on_submit(VOID* context, VMBPACKET packet, UINT64 transaction_id) {
  static_cast<LiveHost*>(context)->start(packet, transaction_id);
}

// Page numbers are made up from the record: the guest's page is found by the slot.
void LiveHost::start(VMBPACKET packet, std::uint64_t transaction_id) {
  const std::uint32_t slot = requests_.slot(transaction_id - 1);
  standings_.note(slot, {transaction_id, RequestStage::kSubmitted});
  const auto command = command_of(spec_, packet, requests_.request(transaction_id - 1),
                                  requests_.blocks() * kLiveBlockBytes / storvsp::kBlockBytes);
  if (!command || command->blocks * storvsp::kBlockBytes != kLiveBlockBytes) {
    fault_.note(fmt::format("transaction {} has come to the disk as another request", transaction_id));
    return answer(packet, transaction_id, STATUS_INVALID_PARAMETER);
  }
  UnderWay& request = requests_under_way_[slot];
  request = {packet, transaction_id, {memory_ + std::size_t{slot} * kLiveBlockBytes, kLiveBlockBytes}};
  ring_.put(command->write, disk_, &request.page, 1, command->block * storvsp::kBlockBytes, &request);
  ++on_disk_;
}

void LiveHost::finish(UnderWay& request, int result) {
  const bool good = result == static_cast<int>(kLiveBlockBytes);
  if (!good) {
    fault_.note(fmt::format("the disk failed: {}", result < 0 ? std::strerror(-result) : "fewer bytes than asked for"));
  }
  answer(request.packet, request.transaction_id, good ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
}

void LiveHost::answer(VMBPACKET packet, std::uint64_t transaction_id, NTSTATUS status) {
  const std::uint32_t slot = requests_.slot(transaction_id - 1);
  standings_.note(slot, {transaction_id, RequestStage::kAnswering});
  vsp_.complete(packet, status);
  standings_.note(slot, {transaction_id, RequestStage::kAnswered});
  ++answered_;
}

}  // namespace vmbsave::bench
