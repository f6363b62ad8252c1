#include "scenarios/live/live_guest.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "scenarios/live/block_stamps.hpp"
#include "scenarios/live/live_vsp.hpp"
#include "vsp/guest_send.hpp"

namespace vmbsave::bench {
namespace {

constexpr std::uint64_t kPatienceNs = 20'000'000'000;

}  // namespace

LiveGuest::LiveGuest(const LiveSpec& spec, const LiveRequests& requests, LiveHost& host, std::byte* memory,
                     const SaveFlag& saving, FirstFault& fault)
    : spec_(spec),
      requests_(requests),
      host_(host),
      memory_(memory),
      saving_(saving),
      fault_(fault),
      vsp_(live_vsp(spec)),
      slots_(spec.slots()),
      generations_(requests.blocks(), 1),
      busy_(requests.blocks()) {}

void LiveGuest::run() {
  last_heard_ = clock_.now();
  for (std::uint32_t slot = 0; slot < spec_.slots(); ++slot) send(slot);
  while (!ended()) {
    stopping_ = stop_.load(std::memory_order_relaxed);
    change_phase();
    if (!receive()) wait_a_moment();
  }
}

bool LiveGuest::receive() {
  bool any = false;
  for (std::uint32_t channel = 0; channel < spec_.channels; ++channel) {
    guest::Guest& guest = host_.guest(channel);
    while (const auto packet = guest.receive()) {
      take(channel, *packet);
      any = true;
    }
    if (guest.malformed()) fault_.note("the ring to the guest holds what is no packet");
  }
  return any;
}

void LiveGuest::send(std::uint32_t number) {
  std::uint64_t record = requests_.record(serial_++, number);
  while (busy_[requests_.block(record)] != 0) record = requests_.record(serial_++, number);
  Slot& slot = slots_[number];
  slot = {.transaction_id = record + 1, .block = requests_.block(record), .write = requests_.is_write(record)};
  if (slot.write) {
    slot.generation = ++last_generation_;
    stamp_block(page(number), slot.block, slot.generation);
  } else {
    spoil_block(page(number));
  }
  const VMBS_VSP_REQUEST request = requests_.request(record);
  VMBS_VSP_PACKET packet{};
  if (!NT_SUCCESS(vsp_.encode(nullptr, &request, &packet)))
    return fault_.note(fmt::format("{} cannot encode a request", vsp_.name));
  busy_[slot.block] = 1;
  ++under_way_;
  ++sent_;
  slot.phase = phase_;
  slot.save = saving_.read();
  slot.sent_at = clock_.now();
  if (!bench::send(host_.guest(requests_.channel(record)), slot.transaction_id, packet)) {
    fault_.note(fmt::format("transaction {} does not go into the ring to the host", slot.transaction_id));
  }
}

void LiveGuest::take(std::uint32_t channel, const guest::Received& packet) {
  const std::uint64_t now = clock_.now();
  const std::uint32_t number = requests_.slot(packet.transaction_id - 1);
  Slot& slot = slots_[number];
  if (packet.kind != guest::Received::Kind::kCompletion || packet.transaction_id == 0 ||
      slot.transaction_id != packet.transaction_id || requests_.channel(packet.transaction_id - 1) != channel) {
    return fault_.note(fmt::format("a completion of transaction {}, which is not under way on channel {}",
                                   packet.transaction_id, channel));
  }
  note_latency(slot, now);
  check(slot, number, packet);
  busy_[slot.block] = 0;
  slot.transaction_id = 0;
  --under_way_;
  last_heard_ = now;
  completed_.store(completed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (!stopping_) send(number);
}

void LiveGuest::note_latency(const Slot& slot, std::uint64_t now) {
  if (phase_ == nullptr) return;
  ++phase_->completed;
  if (slot.phase != phase_) {
    ++phase_->sent_earlier;
    return;
  }
  const std::uint64_t ns = clock_.to_ns(now - slot.sent_at);
  phase_->latency.add(ns);
  (saving_.overlaps(slot.save) ? phase_->met_save : phase_->apart).add(ns);
}

// No other request lies on the block meanwhile: what a read must give is known.
void LiveGuest::check(const Slot& slot, std::uint32_t number, const guest::Received& packet) {
  if (!is_good_completion(spec_, packet)) {
    return fault_.note(fmt::format("transaction {} was completed with an error, or as another", slot.transaction_id));
  }
  if (slot.write) {
    generations_[slot.block] = slot.generation;
    ++writes_;
    return;
  }
  if (read_block_stamps(page(number), slot.block) != generations_[slot.block]) {
    fault_.note(fmt::format("a read of block {} does not give its last write, number {}", slot.block,
                            generations_[slot.block]));
  }
  ++reads_checked_;
}

void LiveGuest::change_phase() {
  LivePhase* const wanted = wanted_.load(std::memory_order_acquire);  // the phase, empty
  if (wanted == phase_) return;
  const std::uint64_t now = clock_.now();
  if (phase_ != nullptr) phase_->ns = clock_.to_ns(now - phase_began_);
  phase_ = wanted;
  phase_began_ = now;
  entered_.store(wanted, std::memory_order_release);  // the phase before, for enter()
}

void LiveGuest::enter(LivePhase* phase) {
  wanted_.store(phase, std::memory_order_release);
  while (entered_.load(std::memory_order_acquire) != phase && !fault_.any()) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

void LiveGuest::wait_a_moment() {
  if (clock_.to_ns(clock_.now() - last_heard_) > kPatienceNs) {
    fault_.note(fmt::format("{} requests are under way, and none was completed for {} s", under_way_,
                            kPatienceNs / 1'000'000'000));
  }
  std::this_thread::yield();
}

}  // namespace vmbsave::bench
