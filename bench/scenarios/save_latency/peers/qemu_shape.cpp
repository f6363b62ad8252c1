#include <cstdlib>
#include <mutex>

#include "base/clock.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/packet_loop.hpp"
#include "scenarios/save_latency/peers.hpp"
#include "scenarios/save_latency/two_calls.hpp"

namespace vmbsave::bench {
namespace {

class QemuShape final : public Implementation {
 public:
  QemuShape(Rig& rig, Executor* executor) : rig_(rig), loop_(rig, executor) {}
  ~QemuShape() override { std::free(stream_); }
  QemuShape(const QemuShape&) = delete;

  const char* name() const noexcept override { return "qemu_shape"; }

  // A save has a stream of its own, which starts small.
  std::uint64_t save() override {
    std::free(stream_);
    stream_ = nullptr;
    bytes_ = room_ = 0;
    const std::uint64_t start = base::now_ns();
    loop_.run([this](const PacketLoop::Visited& visited) { save_packet(visited); });
    return base::now_ns() - start;
  }

  std::uint64_t image_bytes() const override { return bytes_; }

  // The items come in the order in which the lock was taken.
  std::string difference() const override {
    Records records(loop_.packets());
    for (std::uint64_t at = 0; at < bytes_;) {
      Item item;
      std::memcpy(&item, stream_ + at, sizeof item);
      if (item.number >= records.size()) return "an item of no packet";
      records[item.number] = {stream_ + at + sizeof item, static_cast<std::size_t>(item.bytes)};
      at += sizeof item + item.bytes;
    }
    return records_difference(rig_, records);
  }

  std::vector<std::span<const std::byte>> image_memory() const override {
    return {{stream_, static_cast<std::size_t>(bytes_)}};
  }

 private:
  // In front of each record.
  struct Item {
    std::uint64_t number;
    std::uint64_t bytes;
  };

  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };

  void save_packet(const PacketLoop::Visited& visited) {
    const std::uint32_t size = size_state(visited.config, visited.packet);
    const Item item{visited.number, image::record_bytes(0, size)};
    const std::unique_ptr<std::byte, Free> copy(
        static_cast<std::byte*>(std::malloc(static_cast<std::size_t>(item.bytes))));
    if (copy == nullptr) throw std::bad_alloc();
    save_record(visited.config, visited.packet, size, copy.get());
    const std::lock_guard lock(mutex_);
    append(&item, sizeof item);
    append(copy.get(), static_cast<std::size_t>(item.bytes));
  }

  void append(const void* from, std::size_t bytes) {
    if (bytes > room_ - bytes_) grow(bytes_ + bytes);
    std::memcpy(stream_ + bytes_, from, bytes);
    bytes_ += bytes;
  }

  void grow(std::uint64_t bytes) {
    constexpr std::uint64_t kFirst = 32u << 10;
    std::uint64_t room = std::max(room_, kFirst);
    while (room < bytes) room *= 2;
    auto* const moved = static_cast<std::byte*>(std::realloc(stream_, static_cast<std::size_t>(room)));
    if (moved == nullptr) throw std::bad_alloc();
    stream_ = moved;
    room_ = room;
  }

  Rig& rig_;
  PacketLoop loop_;
  std::mutex mutex_;  // of the stream
  std::byte* stream_ = nullptr;
  std::uint64_t bytes_ = 0;
  std::uint64_t room_ = 0;
};

}  // namespace

std::unique_ptr<Implementation> make_qemu_shape(Rig& rig, const RunOptions& options) {
  return std::make_unique<QemuShape>(rig, options.executor);
}

}  // namespace vmbsave::bench
