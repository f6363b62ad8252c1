#include "scenarios/operations/acquire_complete.hpp"

#include <cstring>
#include <new>
#include <span>

#include "base/clock.hpp"

namespace vmbsave::bench {

AcquireComplete::AcquireComplete() {
  packet::ChannelConfig config;
  config.sink = on_completion;
  config.sink_context = this;
  config.capacity = kCapacity;
  config.context_bytes = sizeof(std::uint64_t);
  config.result_bytes = sizeof(std::uint64_t);
  channel_ = std::make_unique<packet::Channel>(vm_.control(), config);
  if (!channel_->reserve() || vm_.attach(*channel_) != Status::kSuccess) throw std::bad_alloc();
  while (acquired_ < kInUse) acquire();
}

AcquireComplete::~AcquireComplete() { (void)vm_.detach(*channel_); }

std::uint64_t AcquireComplete::run(std::uint32_t packets) noexcept {
  const std::uint64_t start = base::now_ns();
  for (std::uint32_t i = 0; i < packets; ++i) {
    complete();
    acquire();
  }
  return base::now_ns() - start;
}

void AcquireComplete::acquire() noexcept {
  packet::Packet* const packet = channel_->claim().packet;
  if (packet == nullptr) {
    ++damaged_;
    return;
  }
  packet->transaction_id = acquired_;
  packet->completion_requested = true;
  channel_->publish(*packet);
  std::memcpy(packet->context(), &acquired_, sizeof acquired_);
  channel_->indicated();
  in_use_[acquired_++ % kInUse] = packet;
}

void AcquireComplete::complete() noexcept {
  packet::Packet* const packet = in_use_[completed_ % kInUse];
  const std::uint64_t id = completed_++;
  if (channel_->complete(*packet, std::as_bytes(std::span(&id, 1))) != Status::kSuccess) ++damaged_;
}

void AcquireComplete::on_completion(void* self, const packet::Packet& packet, const void* result) noexcept {
  auto& run = *static_cast<AcquireComplete*>(self);
  std::uint64_t id = 0;
  std::memcpy(&id, result, sizeof id);
  if (id != packet.transaction_id) ++run.damaged_;
  ++run.delivered_;
}

}  // namespace vmbsave::bench
