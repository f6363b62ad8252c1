#include "scenarios/vm/machine.hpp"

#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <stdexcept>

#include "base/clock.hpp"
#include "kmcl/channel.hpp"
#include "restore/image_restore.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/restore_text.hpp"
#include "verify/packet_limits.hpp"
#include "vsp/guest_send.hpp"

namespace vmbsave::bench {
namespace {

[[noreturn]] void fail(Status status, const std::string& what) {
  if (status == Status::kInsufficientResources) throw OutOfResources(what);
  throw CheckFailed(what);
}

std::string failed(NTSTATUS ntstatus, const char* what) {
  return fmt::format("{} failed: {} (0x{:08X})", what, status_name(static_cast<Status>(ntstatus)),
                     static_cast<std::uint32_t>(ntstatus));
}

void require(NTSTATUS ntstatus, const char* what) {
  if (!NT_SUCCESS(ntstatus)) fail(static_cast<Status>(ntstatus), failed(ntstatus, what));
}

void require(const SaveReport& report, Status status) {
  if (status == Status::kSuccess) return;
  fail(status, fmt::format("save failed: {} (0x{:08X}) in phase {}, channel {}, transaction {}", status_name(status),
                           static_cast<std::uint32_t>(status), phase_name(report.failure.phase), report.failure.channel,
                           report.failure.transaction_id));
}

// Bytes that a ring of that many pages holds, and what its packets take: see vmbsave/guest.hpp.
constexpr std::uint64_t ring_capacity(std::uint64_t pages) { return 4096 * (pages - 1) - 8; }
constexpr std::uint64_t kLongestRequest =
    24 + VMBS_VSP_MAX_INLINE + 8 + 8 * VMBS_VSP_MAX_RANGES + 8 * VMBS_VSP_MAX_PAGES;
constexpr std::uint64_t kLongestCompletion = 24 + VMBS_VSP_MAX_INLINE;

// The VSP takes each request before the guest writes the next one: the smallest ring, which holds four of the longest.
constexpr std::uint32_t kToHostPages = 2;
static_assert(ring_capacity(kToHostPages) >= 4 * kLongestRequest);

// Room for the completion of every packet that may be in use is set aside in the ring, as long as the packet is: in a
// smaller one it would be the ring, and not the quota, that limits how many there are. And for one packet that the VSP
// sends: the guest takes each before the next one comes.
std::uint32_t to_guest_pages(std::uint32_t quota) {
  const std::uint64_t pages = ((quota + 1) * kLongestCompletion + 8 + 4095) / 4096 + 1;
  return static_cast<std::uint32_t>(pages);
}

// The rings are made for no longer ones.
void expect_short_packets(VMBCHANNEL channel, const VMBS_VSP& vsp) {
  if (channel->config.result_bytes <= VMBS_VSP_MAX_INLINE) return;
  throw CheckFailed(
      fmt::format("{}'s configure left a maximum packet size of {} bytes, expected at most {}: see "
                  "VmbChannelInitSetMaximumPacketSize",
                  vsp.name, channel->config.result_bytes, VMBS_VSP_MAX_INLINE));
}

std::unique_ptr<guest::Guest> make_guest(std::uint32_t quota) {
  auto made = guest::Guest::create({.to_host_pages = kToHostPages, .to_guest_pages = to_guest_pages(quota)});
  if (made == nullptr) throw OutOfResources(fmt::format("no memory for the rings of {} packets in use", quota));
  return made;
}

}  // namespace

std::vector<std::byte> gather(const save::ImageView& image) {
  std::vector<std::byte> bytes(image.bytes());
  image.copy_to(bytes.data());
  return bytes;
}

bool is_same(const save::ImageView& image, std::span<const std::byte> bytes) {
  if (image.bytes() != bytes.size()) return false;
  bool same = true;
  image.for_each_piece([&](std::span<const std::byte> piece) {
    same = same && std::memcmp(piece.data(), bytes.data(), piece.size()) == 0;
    bytes = bytes.subspan(piece.size());
  });
  return same;
}

Machine::Machine(const VspKinds& vsps, Topology topology, std::span<const std::uint32_t> quotas,
                 std::span<const std::uint32_t> sends)
    : vsps_(vsps), topology_(topology), parents_(topology.domains) {
  make_backends();
  channels_.reserve(topology.channels());
  try {
    for (std::uint32_t number = 0; number < topology.channels(); ++number) {
      allocate_channel(number, quotas[number], sends.empty() ? std::nullopt : std::optional(sends[number]));
    }
  } catch (...) {
    clean_up();
    throw;
  }
}

void Machine::make_backends() {
  backends_.reserve(topology_.domains * vsps_.count());
  for (std::uint32_t domain = 0; domain < topology_.domains; ++domain) {
    for (std::size_t kind = 0; kind < vsps_.count(); ++kind) backends_.push_back(make_backend(vsps_.of_kind(kind)));
  }
}

VMBS_VSP_BACKEND Machine::make_backend(const VMBS_VSP& vsp) {
  if (vsp.create_device == nullptr) return {this, on_submit, nullptr};
  VOID* const device = vsp.create_device();
  if (device == nullptr) throw OutOfResources(fmt::format("no memory for a device of {}", vsp.name));
  devices_.emplace_back(device, DestroyDevice{&vsp});
  return {this, on_submit, device};
}

Machine::~Machine() { clean_up(); }

// Disable would wait until what is in use is completed, and after a failed check nobody does that: Cleanup drops it.
// Until it has returned the channel may use the ring, so that the guest lets go last.
void Machine::clean_up() {
  for (const VMBCHANNEL channel : channels_) {
    if (vsp_of(channel).release != nullptr) vsp_of(channel).release(channel);
    VmbChannelCleanup(channel);
    ends_.at(channel).guest->detach();
  }
}

void Machine::allocate_channel(std::uint32_t number, std::uint32_t quota, std::optional<std::uint32_t> sends) {
  const std::uint32_t domain = number / topology_.channels_per_domain;
  const std::size_t kind = vsps_.kind_of(number % topology_.channels_per_domain);
  const VMBS_VSP& vsp = vsps_.of_kind(kind);
  const VMBS_VSP_BACKEND& backend = backends_[domain * vsps_.count() + kind];
  std::unique_ptr<guest::Guest> guest = make_guest(quota);
  VMBCHANNEL channel = nullptr;
  require(VmbChannelAllocate(reinterpret_cast<PDEVICE_OBJECT>(&parents_[domain]), 1, &channel), "VmbChannelAllocate");
  if (const NTSTATUS status = vsp.configure(channel, &backend); !NT_SUCCESS(status)) {
    VmbChannelCleanup(channel);
    require(status, "the VSP's configure");
  }
  channels_.push_back(channel);
  ends_.emplace(channel, End{std::move(guest), &vsp, backend.device});
  expect_short_packets(channel, vsp);
  require(VmbsChannelInitSetConcurrentCallbacks(channel, vsp.concurrent_callbacks != 0 ? 1 : 0),
          "VmbsChannelInitSetConcurrentCallbacks");
  if (sends) require(VmbsChannelInitSetMaximumSends(channel, *sends), "VmbsChannelInitSetMaximumSends");
  VmbChannelSetTransactionQuota(channel, quota);
  require(VmbChannelEnable(channel), "VmbChannelEnable");
}

void Machine::start() {
  for (const VMBCHANNEL channel : channels_) {
    require(ends_.at(channel).guest->open(channel), "VmbsChannelOpen");
    VmbChannelStart(channel);
  }
}

std::string Machine::too_much(const VMBS_VSP_REQUEST& request, const VMBS_VSP& vsp) {
  if (request.operation >= VMBS_VSP_TRANSMIT) {
    return fmt::format("record {}: a frame of {} bytes is none that {} can carry", request.record, request.bytes,
                       vsp.name);
  }
  return fmt::format("record {}: {} bytes at sector {} are more than one request of {} can carry", request.record,
                     request.bytes, request.lba, vsp.name);
}

void Machine::put_in_use(std::uint32_t channel, const VMBS_VSP_REQUEST& request) {
  if (request.operation == VMBS_VSP_RECEIVE) {
    deliver(channel, request);
  } else {
    submit(channel, request);
  }
}

void Machine::submit(std::uint32_t channel, const VMBS_VSP_REQUEST& request) {
  VMBS_VSP_PACKET packet{};
  const VMBCHANNEL to = channels_[channel];
  const End& end = ends_.at(to);
  if (!NT_SUCCESS(end.vsp->encode(end.device, &request, &packet))) {
    throw std::runtime_error(too_much(request, *end.vsp));
  }
  if (!verify::is_within_limits(packet)) {
    throw CheckFailed(
        fmt::format("record {}: {}'s encode gave a packet of {} bytes and {} ranges, which vsp.h does not "
                    "allow",
                    request.record, end.vsp->name, packet.length, packet.range_count));
  }
  const std::uint64_t transaction_id = request.record + 1;
  if (!send(*end.guest, transaction_id, packet)) {
    throw CheckFailed(fmt::format("transaction {} does not go into the ring to the host", transaction_id));
  }
  in_use_[transaction_id].held = packet.held;
  // Also without room for the packet: the limit is the channel's quota, not the machine's memory.
  if (const NTSTATUS status = end.guest->signal(); !NT_SUCCESS(status)) {
    throw CheckFailed(failed(status, "VmbsChannelProcessIncoming"));
  }
  receive(to);
}

void Machine::settle(std::uint64_t transaction_id, NTSTATUS status) {
  const VMBPACKET in_use = packet(transaction_id);
  in_use_.at(transaction_id).asked = status;
  const VMBS_VSP& vsp = vsp_of(VmbPacketGetChannel(in_use));
  if (vsp.settle == nullptr) throw std::runtime_error(fmt::format("{} holds no completion back", vsp.name));
  vsp.settle(in_use, status);
}

void Machine::complete(std::uint64_t transaction_id, NTSTATUS status) {
  const VMBPACKET in_use = packet(transaction_id);
  std::optional<NTSTATUS>& asked = in_use_.at(transaction_id).asked;
  if (!asked) asked = status;
  const VMBCHANNEL channel = VmbPacketGetChannel(in_use);
  const std::uint64_t before = delivered_;
  vsp_of(channel).complete(in_use, status);
  receive(channel);
  if (delivered_ != before + 1 || unexpected_ != 0 || in_use_.contains(transaction_id)) {
    throw CheckFailed(fmt::format("transaction {} was not delivered to the guest exactly once", transaction_id));
  }
}

void Machine::complete_all() {
  for (const VMBCHANNEL channel : channels_) receive(channel);
  while (!in_use_.empty()) complete(in_use_.begin()->first);
  while (!received_.empty()) answer(received_.begin()->first);
  for (const VMBCHANNEL channel : channels_) receive(channel);
  if (unexpected_ != 0) throw CheckFailed(fmt::format("{} packets for guests that wait for none", unexpected_));
}

kmcl::Vm& Machine::vm(std::uint32_t domain) const { return *channels_[domain * topology_.channels_per_domain]->vm; }

VMBPACKET Machine::packet(std::uint64_t transaction_id) const {
  const auto found = in_use_.find(transaction_id);
  if (found == in_use_.end() || found->second.packet == nullptr) {
    throw CheckFailed(fmt::format("transaction {} is not in use", transaction_id));
  }
  return found->second.packet;
}

SavedDomain Machine::save(std::uint32_t domain, const SaveOptions& options) {
  save::SaveSession& session = vm(domain).session();
  const std::uint64_t start = base::now_ns();
  Status status = session.begin(options);
  if (status != Status::kSuccess) require(session.report(), status);
  status = session.save();
  const std::uint64_t save_ns = base::now_ns() - start;
  session.end(EndMode::kResume);
  session.prepare_next();
  require(session.report(), status);
  return {session.image(), save_ns, session.report()};
}

// A session has no other way to begin anew, and the VM has the one.
void Machine::forget_saves(std::uint32_t domain) noexcept {
  kmcl::Vm& of = vm(domain);
  std::destroy_at(&of.session());
  std::construct_at(&of.session(), of.channels());
}

RestoreReport Machine::restore(std::uint32_t domain, std::span<const std::byte> image, Executor* executor) {
  const RestoreReport report = restore::restore_image(vm(domain).channels(), image, {.executor = executor});
  if (report.status != Status::kSuccess) {
    fail(report.status, "restore failed: " + describe(report));
  }
  return report;
}

void Machine::reissue() {
  for (const VMBCHANNEL channel : channels_) {
    if (vsp_of(channel).reissue != nullptr) vsp_of(channel).reissue(channel);
  }
}

VOID Machine::on_submit(VOID* context, VMBPACKET packet, UINT64 transaction_id) {
  static_cast<Machine*>(context)->in_use_[transaction_id].packet = packet;
}

}  // namespace vmbsave::bench
