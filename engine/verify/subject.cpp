#include "verify/subject.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "kmcl/channel.hpp"
#include "verify/interpose.hpp"
#include "verify/not_checked.hpp"
#include "verify/packet_limits.hpp"
#include "verify/text.hpp"

namespace vmbsave::verify {
namespace {

// A VSP that takes none of so many requests takes none.
constexpr std::uint32_t kMostRefusals = 20'000;

void require(NTSTATUS status, const char* what) {
  if (!NT_SUCCESS(status)) throw NotChecked(what + (" failed: " + status_text(static_cast<Status>(status))));
}

// Every fourth request fails.
NTSTATUS status_of(const PacketName& name) noexcept {
  return name.transaction_id % 4 == 2 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

std::uint64_t misuses_of(VMBCHANNEL channel) noexcept { return channel->counters.misuses.load_relaxed(); }

}  // namespace

// ---- life of the channels ----------------------------------------------------------------------------------------

Subject::Subject(Course& course) : course_(course), restores_(course) {
  try {
    make_device();
    for (std::uint32_t number = 0; number < course.options.channels; ++number) add_channel(number);
  } catch (...) {
    tear_down();
    throw;
  }
}

Subject::~Subject() { tear_down(); }

void Subject::make_device() {
  const Inside call = inside(place_of(Call::kSetUp, 0));
  if (course_.vsp.create_device != nullptr) {
    device_ = course_.vsp.create_device();
    if (device_ == nullptr) throw NotChecked("create_device gave no device");
  }
  backend_ = {this, on_submit, device_};
}

void Subject::add_channel(std::uint32_t number) {
  endpoints_.push_back(std::make_unique<Endpoint>(*this, number));
  VMBCHANNEL channel = nullptr;
  require(VmbChannelAllocate(reinterpret_cast<PDEVICE_OBJECT>(&parent_), 1, &channel), "VmbChannelAllocate");
  try {
    configure(channel);
  } catch (...) {
    VmbChannelCleanup(channel);
    throw;
  }
  channels_.push_back(channel);
  VmbChannelSetTransactionQuota(channel, course_.options.packets);
  require(VmbChannelEnable(channel), "VmbChannelEnable");
  VMBS_SAVE_OPTIONS options;
  VMBS_SAVE_OPTIONS_INIT(&options);
  options.Executor = VMBS_EXECUTOR_SERIAL;
  require(VmbsChannelSetSaveOptions(channel, &options), "VmbsChannelSetSaveOptions");
}

void Subject::configure(VMBCHANNEL channel) {
  Endpoint& endpoint = *endpoints_.back();
  {
    const Inside call = inside(place_of(Call::kSetUp, endpoint.number()));
    require(course_.vsp.configure(channel, &backend_), "the VSP's configure");
  }
  try {
    adopt(channel, endpoint);
  } catch (...) {
    if (course_.vsp.release != nullptr) course_.vsp.release(channel);
    throw;
  }
}

// What whoever calls configure does afterwards.
void Subject::adopt(VMBCHANNEL channel, Endpoint& endpoint) {
  if (channel->config.result_bytes > VMBS_VSP_MAX_INLINE) {
    throw NotChecked("configure left a maximum packet size of " + bytes_text(channel->config.result_bytes) +
                     ", expected at most " + std::to_string(VMBS_VSP_MAX_INLINE) +
                     ": see VmbChannelInitSetMaximumPacketSize");
  }
  require(VmbsChannelInitSetConcurrentCallbacks(channel, course_.vsp.concurrent_callbacks != 0 ? 1 : 0),
          "VmbsChannelInitSetConcurrentCallbacks");
  if (course_.vsp.deliver != nullptr && channel->config.sends < course_.options.packets) {
    channel->config.sends = course_.options.packets;
  }
  interpose(channel, endpoint);
  if (endpoint.save_packet == nullptr || endpoint.restore_packet == nullptr) {
    throw NotChecked("configure registers no SavePacket and RestorePacket: there are no callbacks to examine");
  }
}

// Cleanup drops packets that are in use.
void Subject::tear_down() noexcept {
  for (const VMBCHANNEL channel : channels_) {
    const Inside call = inside(place_of(Call::kTearDown, endpoint_of(channel).number()));
    if (!released_ && course_.vsp.release != nullptr) course_.vsp.release(channel);
    VmbChannelCleanup(channel);
  }
  channels_.clear();
  const Inside call = inside(place_of(Call::kTearDown, 0));
  if (device_ != nullptr && course_.vsp.destroy_device != nullptr) course_.vsp.destroy_device(device_);
  device_ = nullptr;
}

void Subject::start() {
  for (const VMBCHANNEL channel : channels_) {
    const std::uint32_t number = endpoint_of(channel).number();
    const Inside call = inside(place_of(Call::kProcess, number));
    require(VmbsChannelOpen(channel, &Endpoint::transport(), &endpoint_of(channel)), "VmbsChannelOpen");
    VmbChannelStart(channel);
  }
  for (std::uint32_t number = 0; number < channels_.size(); ++number) receive(number);
}

void Subject::finish() {
  std::uint64_t left = 0;
  Place where = place_of(Call::kTearDown, 0);
  for (const VMBCHANNEL channel : channels_) {
    const std::uint32_t number = endpoint_of(channel).number();
    const Inside call = inside(place_of(Call::kTearDown, number));
    VmbChannelDisable(channel);
    if (course_.vsp.release != nullptr) course_.vsp.release(channel);
    for (const auto& life : channel->retired) {
      if (left == 0 && life.channel->allocated() != 0) where.channel = number;
      left += life.channel->allocated();
    }
  }
  released_ = true;
  if (left != 0)
    course_.findings.add(Check::kLeaksPackets, where,
                         std::to_string(left) + (left == 1 ? " packet is left" : " packets are left"));
}

bool Subject::begin_saves() {
  std::size_t begun = 0;
  while (begun < channels_.size() && NT_SUCCESS(VmbChannelSaveBegin(channels_[begun]))) ++begun;
  saving_ = begun == channels_.size();
  if (saving_) return true;
  for (std::size_t i = 0; i < begun; ++i) VmbChannelSaveEnd(channels_[i]);
  return false;
}

void Subject::end_saves() {
  for (const VMBCHANNEL channel : channels_) VmbChannelSaveEnd(channel);
  saving_ = false;
  for (std::uint32_t number = 0; number < channels_.size(); ++number) receive(number);
  for (const auto& [name, pending] : PendingPackets(pending_)) {
    if (pending.is_completed) await_end(name);
  }
}

// ---- packets come into use ---------------------------------------------------------------------------------------

void Subject::fill(Requests& requests, std::uint32_t packets) {
  for (std::uint32_t refusals = 0; pending_.size() < packets && refusals < kMostRefusals;) {
    const VMBS_VSP_REQUEST request = requests.next();
    const auto channel = static_cast<std::uint32_t>(request.record % channels_.size());
    refusals = put_in_use(channel, request) ? 0 : refusals + 1;
  }
}

// Whether it has a packet in use now.
bool Subject::put_in_use(std::uint32_t channel, const VMBS_VSP_REQUEST& request) {
  const std::size_t before = pending_.size();
  const bool taken = request.operation == VMBS_VSP_RECEIVE ? deliver(channel, request) : submit(channel, request);
  return taken && pending_.size() > before;
}

bool Subject::submit(std::uint32_t channel, const VMBS_VSP_REQUEST& request) {
  const PacketName name{channel, false, request.record + 1};
  VMBS_VSP_PACKET packet{};
  {
    const Inside call = inside(place_of(Call::kReference, 0, name));
    if (!NT_SUCCESS(course_.vsp.encode(device_, &request, &packet))) return false;
  }
  if (!is_within_limits(packet)) {
    throw NotChecked("encode gave a packet of " + bytes_text(packet.length) + " and " +
                     std::to_string(packet.range_count) + " ranges, which vsp.h does not allow");
  }
  {
    const std::lock_guard lock(mutex_);
    pending_[name] = {.request = request, .is_known = true, .held = packet.held};
  }
  endpoints_[channel]->send(name.transaction_id, packet);
  signal(place_of(Call::kProcess, 0, name));
  return true;
}

bool Subject::deliver(std::uint32_t channel, const VMBS_VSP_REQUEST& request) {
  delivering_ = &request;
  NTSTATUS status;
  {
    const Inside call = inside(place_of(Call::kDeliver, channel));
    status = course_.vsp.deliver(channels_[channel], &request);
  }
  receive(channel);
  delivering_ = nullptr;
  return NT_SUCCESS(status);
}

// The VSP takes what is there, and the guest what comes of it.
void Subject::signal(const Place& where) {
  {
    const Inside call = inside(where);
    require(VmbsChannelProcessIncoming(channels_[where.channel], 0, nullptr), "VmbsChannelProcessIncoming");
  }
  receive(where.channel);
}

VOID Subject::on_submit(VOID* context, VMBPACKET packet, UINT64 transaction_id) {
  auto& self = *static_cast<Subject*>(context);
  const std::uint32_t channel = endpoint_of(VmbPacketGetChannel(packet)).number();
  const std::lock_guard lock(self.mutex_);
  Pending& pending = self.pending_[{channel, false, transaction_id}];
  pending.with_backend = true;
  pending.packet = packet;
}

void Subject::inherit(const PendingPackets& pending) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, of] : pending) pending_[name] = {.request = of.request, .is_known = of.is_known};
}

void Subject::reissue() {
  for (const VMBCHANNEL channel : channels_) {
    const std::uint32_t number = endpoint_of(channel).number();
    if (course_.vsp.reissue != nullptr) {
      const Inside call = inside(place_of(Call::kReissue, number));
      course_.vsp.reissue(channel);
    }
    receive(number);
  }
}

// ---- what comes to the guest -------------------------------------------------------------------------------------

void Subject::receive(std::uint32_t channel) {
  for (const Arrival& arrival : endpoints_[channel]->take_completions()) take_completion(channel, arrival);
  for (const Arrival& arrival : endpoints_[channel]->take_packets()) take_packet(channel, arrival);
}

// Before the backend has a request the VSP may complete it by itself.
void Subject::take_completion(std::uint32_t channel, const Arrival& arrival) {
  const PacketName name{channel, false, arrival.transaction_id};
  const auto found = pending_.find(name);
  const bool is_expected = found != pending_.end() && (!found->second.with_backend || found->second.is_completed ||
                                                       (completing_ != nullptr && *completing_ == name));
  if (!is_expected && !course_.findings.has(Check::kCompletesInside)) {
    course_.findings.add(Check::kCompletesTwice,
                         place_of(Call::kComplete, 0, completing_ != nullptr ? *completing_ : name),
                         "a completion of transaction " + std::to_string(name.transaction_id) +
                             (found == pending_.end() ? ", which has ended" : ", whose backend is not done"));
  }
  if (is_expected) look_at_status(name, found->second, arrival);
  if (found != pending_.end()) end(name);
}

// Protocols have their own statuses: what counts is whether it is a failure. What the VSP completed by itself may be
// either.
void Subject::look_at_status(const PacketName& name, const Pending& pending, const Arrival& arrival) {
  if (course_.vsp.outcome == nullptr) return;
  NTSTATUS told = STATUS_SUCCESS;
  NTSTATUS understood;
  {
    const Inside call = inside(place_of(Call::kReference, 0, name));
    understood = course_.vsp.outcome(arrival.bytes.data(), static_cast<UINT32>(arrival.bytes.size()), &told);
  }
  const Place where = place_of(Call::kComplete, 1, name);
  if (!NT_SUCCESS(understood)) {
    course_.findings.add(Check::kTellsAnotherStatus, where,
                         "a completion of " + bytes_text(arrival.bytes.size()) + " that outcome does not understand");
  } else if (pending.status && NT_SUCCESS(told) != NT_SUCCESS(*pending.status)) {
    course_.findings.add(Check::kTellsAnotherStatus, where,
                         "it tells " + status_text(static_cast<Status>(told)) + ", complete was given " +
                             status_text(static_cast<Status>(*pending.status)));
  }
}

// A packet that nobody asked for is answered like the others, and not compared with anything.
void Subject::take_packet(std::uint32_t channel, const Arrival& arrival) {
  if (!arrival.completion_requested) return;
  Pending pending;
  if (delivering_ != nullptr && course_.vsp.accept != nullptr) {
    pending.request = *delivering_;
    pending.request.transaction_id = arrival.transaction_id;
    const Inside call = inside(place_of(Call::kDeliver, channel));
    pending.is_known = NT_SUCCESS(
        course_.vsp.accept(device_, arrival.bytes.data(), static_cast<UINT32>(arrival.bytes.size()), &pending.request));
  }
  const std::lock_guard lock(mutex_);
  pending_[{channel, true, arrival.transaction_id}] = pending;
}

void Subject::end(const PacketName& name) {
  std::uint32_t held = 0;
  {
    const std::lock_guard lock(mutex_);
    held = pending_[name].held;
    pending_.erase(name);
  }
  if (held != 0 && course_.vsp.retire != nullptr) course_.vsp.retire(device_, held);
}

// ---- packets end -------------------------------------------------------------------------------------------------

void Subject::complete_all() {
  // What is completed meanwhile is not in the list any more when its turn comes.
  for (const auto& [name, pending] : PendingPackets(pending_)) {
    if (!pending_.contains(name)) continue;
    if (name.outgoing) {
      answer(name);
    } else if (pending.with_backend && !pending.is_completed) {
      complete(name, pending.packet);
    }
  }
}

void Subject::complete_half() {
  bool is_turn = false;
  for (const auto& [name, pending] : PendingPackets(pending_)) {
    if (name.outgoing || !pending.with_backend || pending.is_completed || !pending_.contains(name)) continue;
    if (is_turn) complete(name, pending.packet);
    is_turn = !is_turn;
  }
}

bool Subject::awaits_requests() const {
  for (const auto& [name, pending] : pending_) {
    if (!name.outgoing) return true;
  }
  return false;
}

void Subject::complete(const PacketName& name, VMBPACKET packet) {
  const VMBCHANNEL channel = channels_[name.channel];
  const std::uint64_t misuses = misuses_of(channel);
  const Place where = place_of(Call::kComplete, 1, name);
  const NTSTATUS status = status_of(name);
  {
    const std::lock_guard lock(mutex_);
    Pending& pending = pending_[name];
    pending.is_completed = saving_;
    pending.status = status;
  }
  completing_ = &name;
  {
    const Inside call = inside(where);
    course_.vsp.complete(packet, status);
  }
  receive(name.channel);
  if (!saving_) await_end(name);
  completing_ = nullptr;
  if (misuses_of(channel) != misuses) {
    course_.findings.add(Check::kCompletesTwice, where, "the library refused a call for a packet that had ended");
  }
}

void Subject::await_end(const PacketName& name) {
  if (is_gone_soon(name)) return;
  course_.findings.add(Check::kNeverCompletes, place_of(Call::kComplete, 1, name), "no completion came to the guest");
}

// A VSP may complete on a thread of its own. One that does not is not waited for again.
bool Subject::is_gone_soon(const PacketName& name) {
  constexpr int kRounds = 1000;
  for (int round = 0; pending_.contains(name); ++round) {
    if (round == kRounds || course_.findings.has(Check::kNeverCompletes)) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    receive(name.channel);
  }
  return true;
}

void Subject::answer(const PacketName& name) {
  if (course_.vsp.answer == nullptr) return;
  UINT8 bytes[VMBS_VSP_MAX_INLINE] = {};
  const UINT32 length = std::min<UINT32>(course_.vsp.answer(bytes), VMBS_VSP_MAX_INLINE);
  endpoints_[name.channel]->answer(name.transaction_id, std::span(bytes, length));
  end(name);
  signal(place_of(Call::kDeliver, 1, name));
}

std::vector<packet::Packet*> Subject::packets_in_use(std::uint32_t channel) const {
  const packet::Channel& of = *channels_[channel]->channel;
  std::vector<packet::Packet*> packets;
  for (std::uint32_t slot = 0; slot < of.table().slots(); ++slot) {
    if (of.table().in_use(slot)) packets.push_back(of.packet_at(slot));
  }
  return packets;
}

}  // namespace vmbsave::verify
