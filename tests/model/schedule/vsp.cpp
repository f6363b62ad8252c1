#include "model/schedule/vsp.hpp"

namespace vmbsave::model {
namespace {

constexpr std::uint32_t kStateBytes = 8;

std::uint32_t updates_of_self() { return World::get().inside() ? World::get().updates_of_self() : 0; }

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
  const World::NonBlocking here("the receipt of a packet");
  const int call = device_.recorder.start(id);
  const auto [status, packet] = channel_->claim();
  if (status != packet::ClaimStatus::kClaimed) {
    device_.recorder.finish(call, Operation::kRefused);
    return false;
  }
  uses_[packet->slot]->write(id);
  packet->transaction_id = id;
  packet->completion_requested = true;
  device_.promise.received(id);  // and the ring's read index moves
  const std::uint32_t updates = updates_of_self();
  channel_->publish(*packet);
  require(!World::get().inside() || updates_of_self() - updates == 1, "publish takes more than one read-modify-write");
  Item& item = device_.items[id];  // ProcessPacket
  item.state.write(id);
  item.packet = packet;
  if (item.handed != nullptr) item.handed->store_release(1);
  channel_->indicated();
  device_.recorder.finish(call, Operation::kAcquire);
  return true;
}

std::int32_t Ring::on_save(VMBCHANNEL__* handle, VMBPACKET__* packet, void* buf, std::uint32_t size,
                           std::uint32_t* needed) {
  Ring& ring = *reinterpret_cast<Ring*>(handle);
  Device& device = ring.device_;
  if (packet::from_handle(packet)->direction == packet::Direction::kOutgoing) {
    if (size == 0) device.on_save_of_send(*packet::from_handle(packet));
    return 0;  // without a state
  }
  const Promise::Id id = id_of(*packet::from_handle(packet));
  require(device.items[id].state.read() == id, "a packet's state is another's");
  (void)ring.uses_[packet::from_handle(packet)->slot]->read();
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
  ring.device_.recorder.finish(ring.device_.recorder.start(id), Operation::kSeen);
  ring.device_.promise.delivered(id);
  if (ring.device_.on_delivery) ring.device_.on_delivery();
}

Device::Device(unsigned count, packet::ChannelConfig config, std::size_t handed, std::size_t packets)
    : items(packets), capacity_(count * config.capacity) {
  for (std::size_t id = 0; id < handed; ++id) items[id].handed = std::make_unique<Atom<std::uint32_t>>();
  for (unsigned i = 0; i < count; ++i) rings.push_back(std::make_unique<Ring>(*this, config));
}

void Device::complete(Promise::Id id, Ring& ring) {
  const World::NonBlocking here("complete");
  const int call = recorder.start(id);
  Item& item = items[id];
  item.result.write(id);
  const auto byte = static_cast<std::uint8_t>(id);
  const std::uint32_t updates = updates_of_self();
  const Status status = ring.channel().complete(*item.packet, std::as_bytes(std::span(&byte, 1)));
  if (World::get().inside() && may_give_up == 0) {
    require(updates_of_self() - updates <= 2, "complete takes more than two read-modify-writes");
  }
  require(status == Status::kSuccess || withdrawn, "a completion is refused");
  recorder.finish(call, status == Status::kSuccess ? Operation::kComplete : Operation::kWithdrawn);
}

bool Device::save(Session& by, const SaveOptions& options, EndMode mode) {
  if (options.deadline_ns != 0) ++may_give_up;
  const int begin = recorder.start();
  const std::uint32_t updates = updates_of_self();
  const Status begun = by.begin(options);
  recorder.finish(begin, begun == Status::kSuccess ? Operation::kBegin : Operation::kNoBegin);
  if (begun == Status::kDeviceBusy || (begun == Status::kIoTimeout && options.deadline_ns != 0)) return false;
  require(begun == Status::kSuccess, "begin fails");
  if (options.deadline_ns != 0) --may_give_up;
  if (World::get().inside()) {
    std::uint32_t words = 0;
    for (const packet::BasicChannel<Atom>* const channel : vm.channels()) words += channel->table().words();
    require(updates_of_self() - updates == 1 + words, "a freeze is not one read-modify-write a word");
  }
  saved.clear();
  scratch.write(1);
  promise.cut();
  const Status status = by.save();
  if (status == Status::kSuccess) {
    promise.image(saved);
    std::uint64_t set = 0;
    for (const Promise::Id id : saved) set |= std::uint64_t{1} << id;
    recorder.set_image(begin, set);
  } else {
    require(options.deadline_ns != 0 && status == Status::kIoTimeout, "a save fails");
  }
  if (before_end) before_end();
  if (mode == EndMode::kDiscard) {
    promise.discard();
  } else {
    promise.resume();
  }
  const int end = recorder.start();
  by.end(mode);
  recorder.finish(end, mode == EndMode::kDiscard ? Operation::kDiscard : Operation::kEnd);
  if (after_end) after_end();
  return true;
}

bool Device::remove(Ring& ring) {
  const int call = recorder.start();
  const bool removed = vm.detach(ring.channel()) == Status::kSuccess;
  recorder.finish(call, removed ? Operation::kRemove : Operation::kNoBegin);
  return removed;
}

void Device::expect_all_over() {
  promise.finished();
  std::vector<Operation> operations = recorder.operations();
  const std::string verdict = test::History(operations, capacity_).verdict();
  if (!verdict.empty()) World::get().fail(verdict);
  for (const auto& ring : rings) {
    require(ring->channel().table().valid(), "a word is damaged");
    require(ring->channel().table().count_used() == 0, "a slot stays used");
    for (std::uint32_t w = 0; w < ring->channel().table().words(); ++w) {
      require(ring->channel().table().load(w) == 0, "a word stays frozen");
    }
  }
}

}  // namespace vmbsave::model
