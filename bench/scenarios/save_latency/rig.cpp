#include "scenarios/save_latency/rig.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include "image/format.hpp"
#include "kmcl/vm.hpp"
#include "scenarios/save_latency/two_calls.hpp"
#include "scenarios/vm/machine.hpp"
#include "vsp/blob/blob.h"
#include "vsp/blob/wire.hpp"

namespace vmbsave::bench {
namespace {

constexpr std::uint32_t kSizeStep = 8;
constexpr std::uint32_t kLeastQuota = 256;
constexpr std::uint64_t kReplacements =
    3;  // a packet: of those in a full channel, one in twenty is still of the first ones

void require(bool holds, const Point& point, const std::string& expected) {
  if (!holds) throw std::runtime_error(fmt::format("{} cannot be: {}", point_name(point), expected));
}

void check_states(const Point& point) {
  if (point.vsp != nullptr) {
    require(point.mix == Mix::kNone && point.stateful_percent == 100, point, "the VSP decides how large states are");
    require(point.callback_ns == 0 && point.slow_callback_ns == 0, point, "the VSP decides how long callbacks take");
    return;
  }
  if (point.mix != Mix::kNone) {
    require(point == mixed_point(point, point.mix), point, "a mix has bounds of its own");
  } else if (point.state_max_bytes != 0) {
    require(point.state_min_bytes != 0 && point.state_min_bytes % kSizeStep == 0 &&
                point.state_max_bytes % kSizeStep == 0 && point.state_min_bytes <= point.state_max_bytes,
            point, fmt::format("states are multiples of {} bytes, the smaller one first", kSizeStep));
  } else {
    require(point.state_min_bytes == 0, point, "the smaller state comes first");
  }
  require(point.stateful_percent <= 100, point, "0 to 100 percent of the packets have state");
  require(std::uint64_t{point.callback_ns} + point.slow_callback_ns <= blob::kLongestCallbackNs, point,
          "a callback takes at most 1 ms longer");
  require(vmbs_vsp_blob(point.state_max_bytes, 1) != nullptr, point, "no VSP has such large states");
}

const Point& checked(const Point& point) {
  require(point.channels >= 1 && point.channels <= packet::kMaxChannels, point,
          fmt::format("a VM has 1 to {} channels", packet::kMaxChannels));
  require(point.packets >= 1 && point.packets <= image::kMaxPackets, point,
          fmt::format("a save has 1 to {} packets", image::kMaxPackets));
  check_states(point);
  require(point.skew_percent <= 100 && (point.skew_percent == 0 || point.channels > 1), point,
          "a skew is 1 to 100 percent of the packets on the first of several channels");
  return point;
}

// splitmix64 with a fixed seed: every rig of a point is the same.
constexpr std::uint64_t mix(std::uint64_t record) {
  std::uint64_t x = (record + 0x5341564531303031u) * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Drawn apart from each other: which packets have state has nothing to do with how large states are.
enum class Draw : std::uint64_t { kState = 0xA54FF53A5F1D36F1u, kSlow = 0x510E527FADE682D1u };

constexpr std::uint64_t percentile_of(Draw draw, std::uint64_t record) {
  return mix(mix(record) ^ static_cast<std::uint64_t>(draw)) % 100;
}

const VMBS_VSP& vsp_of(const Point& point) {
  if (point.vsp != nullptr) return *point.vsp;
  return *vmbs_vsp_blob(point.state_max_bytes, point.concurrent_callbacks ? 1 : 0);
}

// A skewed channel gets its packets first.
std::uint32_t channel_of(const Point& point, std::uint32_t packet) {
  if (point.skew_percent == 0) return packet % point.channels;
  const std::uint32_t on_first = packets_on(point, 0);
  return packet < on_first ? 0 : 1 + (packet - on_first) % (point.channels - 1);
}

std::vector<std::uint32_t> quotas(const Point& point) {
  std::vector<std::uint32_t> quotas(point.channels);
  for (std::uint32_t c = 0; c < point.channels; ++c) quotas[c] = std::max(kLeastQuota, packets_on(point, c));
  return quotas;
}

}  // namespace

Rig::Rig(const Point& point) : point_(checked(point)), vsp_(vsp_of(point)), quotas_(quotas(point)) {
  if (point.mix != Mix::kNone) mix_.emplace(point.mix);
  if (point.vsp != nullptr) vsp_requests_.emplace(vsp_);
  try {
    packets_.resize(point_.channels);
    requests_.resize(point_.channels);
    machine_ = std::make_unique<Machine>(vsp_, Topology{1, point_.channels}, quotas_);
    machine_->start();
    put_in_use();
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(fmt::format("no memory for {}: take fewer packets, or smaller ones", point_name(point_)));
  }
}

Rig::~Rig() = default;

VMBS_VSP_REQUEST Rig::request_of(std::uint64_t record) const {
  if (vsp_requests_) return vsp_requests_->at(record, mix(record));
  const std::uint64_t sizes = (point_.state_max_bytes - point_.state_min_bytes) / kSizeStep + 1;
  VMBS_VSP_REQUEST request{};
  request.record = record;
  request.callback_ns = point_.callback_ns;
  if (percentile_of(Draw::kSlow, record) == 0) request.callback_ns += point_.slow_callback_ns;
  if (percentile_of(Draw::kState, record) >= point_.stateful_percent) return request;
  request.bytes = mix_ ? mix_->bytes(mix(record))
                       : point_.state_min_bytes + kSizeStep * static_cast<std::uint32_t>(mix(record) % sizes);
  return request;
}

void Rig::put_in_use() {
  for (std::uint32_t i = 0; i < point_.packets; ++i) submit(channel_of(point_, i));
  if (!point_.in_order) churn();
  look_up_packets();
  look_up_states();
}

void Rig::submit(std::uint32_t channel) {
  const VMBS_VSP_REQUEST request = request_of(next_record_++);
  machine_->submit(channel, request);
  requests_[channel].push_back(request);
}

// Channels at work, each with as many packets as it may have: any of them completes, and another one comes in its
// place. Thus packets lie in memory in no order, as they do when a VM is saved that has run for a while. With room to
// spare a channel would take its slots one after another, and packets would lie in order for the most part.
void Rig::churn() {
  for (std::uint32_t c = 0; c < point_.channels; ++c) fill(c);
  for (std::uint64_t i = 0; i < kReplacements * point_.packets; ++i) {
    replace_one(channel_of(point_, static_cast<std::uint32_t>(i % point_.packets)), mix(~i));
  }
  for (std::uint32_t c = 0; c < point_.channels; ++c) drain(c);
}

void Rig::fill(std::uint32_t channel) {
  if (packets_on(point_, channel) == 0) return;  // it stays idle
  while (requests_[channel].size() < quotas_[channel]) submit(channel);
}

void Rig::replace_one(std::uint32_t channel, std::uint64_t random) {
  std::vector<VMBS_VSP_REQUEST>& requests = requests_[channel];
  std::swap(requests[random % requests.size()], requests.back());
  machine_->complete(requests.back().record + 1);
  requests.pop_back();
  submit(channel);
}

// Those that came last stay.
void Rig::drain(std::uint32_t channel) {
  std::vector<VMBS_VSP_REQUEST>& requests = requests_[channel];
  std::sort(requests.begin(), requests.end(),
            [](const VMBS_VSP_REQUEST& a, const VMBS_VSP_REQUEST& b) { return a.record < b.record; });
  const auto first = requests.end() - static_cast<std::ptrdiff_t>(packets_on(point_, channel));
  for (auto request = requests.begin(); request != first; ++request) machine_->complete(request->record + 1);
  requests.erase(requests.begin(), first);
}

void Rig::look_up_packets() {
  for (std::uint32_t c = 0; c < point_.channels; ++c) {
    packets_[c].reserve(requests_[c].size());
    for (const VMBS_VSP_REQUEST& request : requests_[c]) packets_[c].push_back(machine_->packet(request.record + 1));
  }
}

// blob's states are as large as was asked for; another VSP is called as the contract has it.
void Rig::look_up_states() {
  state_bytes_.resize(point_.channels);
  if (vsp_.reference_state == nullptr) states_.resize(point_.channels);
  for (std::uint32_t c = 0; c < point_.channels; ++c) {
    std::vector<std::uint32_t>& bytes = state_bytes_[c];
    bytes.reserve(requests_[c].size());
    if (point_.vsp == nullptr) {
      for (const VMBS_VSP_REQUEST& request : requests_[c]) bytes.push_back(request.bytes);
      continue;
    }
    const packet::ChannelConfig& config = machine_->vm(0).channels().channels()[c]->config();
    for (const VMBPACKET packet : packets_[c]) {
      State state(size_state(config, packet));
      if (!state.empty()) {
        state.resize(save_state(config, packet, state.data(), static_cast<std::uint32_t>(state.size())));
      }
      bytes.push_back(static_cast<std::uint32_t>(state.size()));
      if (!states_.empty()) states_[c].push_back(std::move(state));
    }
  }
}

std::span<const VMBPACKET> Rig::packets(std::uint32_t channel) const noexcept { return packets_[channel]; }

std::span<const VMBS_VSP_REQUEST> Rig::requests(std::uint32_t channel) const noexcept { return requests_[channel]; }

std::vector<std::span<const std::byte>> Rig::packet_memory() const {
  std::vector<std::span<const std::byte>> runs;
  for (std::uint32_t c = 0; c < point_.channels; ++c) {
    const packet::Channel& channel = *machine_->vm(0).channels().channels()[c];
    const std::size_t bytes = packet::packet_stride(channel.config().context_bytes);
    std::vector<const std::byte*> packets;
    for (const VMBPACKET packet : packets_[c]) {
      packets.push_back(reinterpret_cast<const std::byte*>(packet::from_handle(packet)));
    }
    std::sort(packets.begin(), packets.end());
    for (const std::byte* const packet : packets) {
      if (!runs.empty() && runs.back().data() + runs.back().size() == packet) {
        runs.back() = {runs.back().data(), runs.back().size() + bytes};
      } else {
        runs.push_back({packet, bytes});
      }
    }
  }
  return runs;
}

std::uint64_t bytes_of_records(const Rig& rig) {
  std::uint64_t bytes = 0;
  for (std::uint32_t c = 0; c < rig.point().channels; ++c) {
    for (const std::uint32_t state : rig.state_bytes(c)) bytes += image::record_bytes(0, state);
  }
  return bytes;
}

}  // namespace vmbsave::bench
