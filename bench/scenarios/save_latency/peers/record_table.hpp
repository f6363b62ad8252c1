// record_table.hpp: a save whose image is a record a packet, each wherever its memory came from.
#pragma once

#include "base/clock.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/packet_loop.hpp"
#include "scenarios/save_latency/peers.hpp"
#include "scenarios/save_latency/two_calls.hpp"

namespace vmbsave::bench {

// Memory: give(worker, bytes), aligned to 16, nullptr if there is none; take_back(records) before the next save.
template <class Memory>
class RecordTable final : public Implementation {
 public:
  template <class... Arguments>
  RecordTable(const char* name, Rig& rig, Executor* executor, Arguments&&... arguments)
      : name_(name), rig_(rig), loop_(rig, executor), memory_(std::forward<Arguments>(arguments)...) {
    records_.resize(loop_.packets());
  }
  ~RecordTable() override { give_back(); }

  const char* name() const noexcept override { return name_; }

  std::uint64_t save() override {
    give_back();
    const std::uint64_t start = base::now_ns();
    loop_.run([this](const PacketLoop::Visited& visited) { save_packet(visited); });
    const std::uint64_t end = base::now_ns();
    return end - start;
  }

  std::uint64_t image_bytes() const override {
    std::uint64_t bytes = 0;
    for (const auto record : records_) bytes += record.size();
    return bytes;
  }

  std::string difference() const override { return records_difference(rig_, records_); }
  std::vector<std::span<const std::byte>> image_memory() const override { return records_; }

 private:
  void save_packet(const PacketLoop::Visited& visited) {
    const std::uint32_t size = size_state(visited.config, visited.packet);
    const auto bytes = static_cast<std::size_t>(image::record_bytes(0, size));
    auto* const record = static_cast<std::byte*>(memory_.give(visited.worker, bytes));
    if (record == nullptr) throw std::bad_alloc();
    records_[visited.number] = {record, bytes};
    save_record(visited.config, visited.packet, size, record);
  }

  void give_back() noexcept {
    memory_.take_back(records_);
    for (auto& record : records_) record = {};
  }

  const char* const name_;
  Rig& rig_;
  PacketLoop loop_;
  Memory memory_;
  Records records_;  // in order of arrival, channel by channel
};

// Memory of an allocator.
struct PerPacket {
  void* (*allocate)(std::size_t bytes);
  void (*free)(void* memory);

  void* give(unsigned, std::size_t bytes) const noexcept { return allocate(bytes); }
  void take_back(const Records& records) const noexcept {
    for (const auto record : records) free(const_cast<std::byte*>(record.data()));
  }
};

}  // namespace vmbsave::bench
