#include "model/schedule/vsp.hpp"

namespace vmbsave::model {
namespace {

constexpr std::uint32_t kStateBytes = 8;

Promise::Id id_of(const packet::Packet& packet) { return static_cast<Promise::Id>(packet.transaction_id); }

}  // namespace

Ring::Ring(Device& device, packet::ChannelConfig config) : device_(device) {
  config.handle = reinterpret_cast<VMBCHANNEL__*>(this);
  config.save_packet = on_save;
  config.sink = on_delivery;
  config.sink_context = this;
  config.result_bytes = 8;
  channel_ = std::make_unique<Channel>(device.vm.control(), config);
  require(channel_->reserve() && device.vm.attach(*channel_) == Status::kSuccess, "a channel cannot be made");
  for (std::uint32_t slot = 0; slot < config.capacity; ++slot) {
    uses_.push_back(std::make_unique<Plain<std::uint32_t>>("a slot"));
  }
}

Ring::~Ring() { (void)device_.vm.detach(*channel_); }

bool Ring::receive(Promise::Id id) {
  const auto [status, packet] = channel_->claim();
  if (status != packet::ClaimStatus::kClaimed) return false;
  uses_[packet->slot]->write(id);
  packet->transaction_id = id;
  packet->completion_requested = true;
  device_.promise.received(id);  // and the ring's read index moves
  channel_->publish(*packet);
  Item& item = device_.items[id];  // ProcessPacket
  item.state.write(id);
  item.packet = packet;
  if (item.handed != nullptr) item.handed->store_release(1);
  channel_->indicated();
  return true;
}

std::int32_t Ring::on_save(VMBCHANNEL__* handle, VMBPACKET__* packet, void* buf, std::uint32_t size,
                           std::uint32_t* needed) {
  Device& device = reinterpret_cast<Ring*>(handle)->device_;
  if (packet::from_handle(packet)->direction == packet::Direction::kOutgoing) {
    if (size == 0) device.on_save_of_send(*packet::from_handle(packet));
    return 0;  // without a state
  }
  const Promise::Id id = id_of(*packet::from_handle(packet));
  require(device.items[id].state.read() == id, "a packet's state is another's");
  const std::uint32_t bytes = size != 0 && id == device.growing ? 2 * kStateBytes : kStateBytes;
  *needed = bytes;
  if (size < bytes) {
    if (size != 0) device.growing = UINT32_MAX;  // once
    return static_cast<std::int32_t>(Status::kBufferTooSmall);
  }
  std::memset(buf, static_cast<int>(id + 1), bytes);
  device.saved.push_back(id);
  return 0;
}

void Ring::on_delivery(void* context, const packet::Packet& packet, const void* result) {
  Ring& ring = *static_cast<Ring*>(context);
  const Promise::Id id = id_of(packet);
  require(ring.device_.items[id].result.read() == id, "a packet's result is another's");
  require(*static_cast<const std::uint8_t*>(result) == static_cast<std::uint8_t>(id),
          "a slot's result is another packet's");
  ring.uses_[packet.slot]->write(id);
  ring.device_.promise.delivered(id);
  if (ring.device_.on_delivery) ring.device_.on_delivery();
}

Device::Device(unsigned count, packet::ChannelConfig config, std::size_t handed, std::size_t packets) : items(packets) {
  for (std::size_t id = 0; id < handed; ++id) items[id].handed = std::make_unique<Atom<std::uint32_t>>();
  for (unsigned i = 0; i < count; ++i) rings.push_back(std::make_unique<Ring>(*this, config));
}

void Device::complete(Promise::Id id, Ring& ring) {
  Item& item = items[id];
  item.result.write(id);
  const auto byte = static_cast<std::uint8_t>(id);
  const unsigned ends_before = ends;
  const std::uint32_t updates = World::get().inside() ? World::get().updates_of_self() : 0;
  const Status status = ring.channel().complete(*item.packet, std::as_bytes(std::span(&byte, 1)));
  if (World::get().inside() && !gives_up && ends == ends_before) {
    require(World::get().updates_of_self() - updates <= 2, "complete takes more than two read-modify-writes");
  }
  require(status == Status::kSuccess || withdrawn, "a completion is refused");
}

bool Device::save(Session& by, const SaveOptions& options, EndMode mode) {
  if (options.deadline_ns != 0) gives_up = true;
  const Status begun = by.begin(options);
  if (begun == Status::kDeviceBusy || (begun == Status::kIoTimeout && options.deadline_ns != 0)) return false;
  require(begun == Status::kSuccess, "begin fails");
  saved.clear();
  promise.cut();
  const Status status = by.save();
  if (status == Status::kSuccess) {
    promise.image(saved);
  } else {
    require(options.deadline_ns != 0 && status == Status::kIoTimeout, "a save fails");
  }
  if (before_end) before_end();
  if (mode == EndMode::kDiscard) {
    promise.discard();
  } else {
    promise.resume();
  }
  ++ends;
  by.end(mode);
  if (after_end) after_end();
  return true;
}

void Device::expect_all_over() {
  promise.finished();
  for (const auto& ring : rings) {
    require(ring->channel().table().valid(), "a word is damaged");
    require(ring->channel().table().count_used() == 0, "a slot stays used");
    for (std::uint32_t w = 0; w < ring->channel().table().words(); ++w) {
      require(ring->channel().table().load(w) == 0, "a word stays frozen");
    }
  }
}

}  // namespace vmbsave::model
