// What the documentation of EvtVmbChannelSavePacket leads to, packet by packet on one thread: ask for the size,
// allocate a buffer, have it filled, append it to the image, free it. The records are the engine's; there are no
// chunks, no checksums, no directory.
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/clock.hpp"
#include "kmcl/vm.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/image_memory.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/save_latency/two_calls.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

class DocumentedSequential final : public Implementation {
 public:
  explicit DocumentedSequential(Rig& rig) : rig_(rig), image_(bytes_of_records(rig)) {}

  const char* name() const noexcept override { return "documented_sequential"; }

  std::uint64_t save() override {
    image_bytes_ = 0;
    const std::uint64_t start = base::now_ns();
    image_.map_if_given_back();
    for (std::uint32_t c = 0; c < rig_.point().channels; ++c) {
      const packet::ChannelConfig& channel = rig_.machine().vm(0).channels().channels()[c]->config();
      for (const VMBPACKET packet : rig_.packets(c)) save_packet(channel, packet);
    }
    return base::now_ns() - start;
  }

  std::uint64_t image_bytes() const override { return image_bytes_; }

  std::string difference() const override { return records_difference(rig_, image()); }

  std::vector<std::span<const std::byte>> image_memory() const override { return {image()}; }

  void forget() override {
    image_.give_back();
    image_bytes_ = 0;
  }

 private:
  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };

  void save_packet(const packet::ChannelConfig& channel, VMBPACKET packet) {
    const std::uint32_t size = size_state(channel, packet);
    if (size == 0) return append(packet, nullptr, 0);
    const std::unique_ptr<void, Free> buffer(std::malloc(size));
    if (buffer == nullptr) throw std::bad_alloc();
    append(packet, buffer.get(), save_state(channel, packet, buffer.get(), size));
  }

  void append(VMBPACKET packet, const void* state, UINT32 bytes) {
    const auto record_bytes = static_cast<std::uint32_t>(image::record_bytes(0, bytes));
    if (record_bytes > image_.size() - image_bytes_) fail_packet(packet, STATUS_BUFFER_OVERFLOW);
    std::byte* at = image_.data() + image_bytes_;
    save::write_lib_buf(*packet::from_handle(packet), record_bytes, bytes, 0, at);
    at += sizeof(image::LibBuf);
    if (bytes != 0) std::memcpy(at, state, bytes);
    std::memset(at + bytes, 0, record_bytes - sizeof(image::LibBuf) - bytes);
    image_bytes_ += record_bytes;
  }

  std::span<const std::byte> image() const { return {image_.data(), static_cast<std::size_t>(image_bytes_)}; }

  Rig& rig_;
  ImageMemory image_;
  std::uint64_t image_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Implementation> make_documented_sequential(Rig& rig, const RunOptions&) {
  return std::make_unique<DocumentedSequential>(rig);
}

}  // namespace vmbsave::bench
