// What the documentation of EvtVmbChannelSavePacket leads to, packet by packet on one thread: ask for the size,
// allocate a buffer, have it filled, append it to the image, free it. The records are the engine's; there are no
// chunks, no checksums, no directory.
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/clock.hpp"
#include "kmcl/vm.hpp"
#include "mem/mapping.hpp"
#include "save/passes.hpp"
#include "scenarios/save_latency/check.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

[[noreturn]] void fail(VMBPACKET packet, NTSTATUS status) {
  throw CheckFailed(fmt::format("SavePacket of transaction {} failed: {} (0x{:08X})",
                                packet::from_handle(packet)->transaction_id, status_name(static_cast<Status>(status)),
                                static_cast<std::uint32_t>(status)));
}

class DocumentedSequential final : public Implementation {
 public:
  explicit DocumentedSequential(Rig& rig) : rig_(rig), image_(mem::Mapping::reserve(bytes_of_records(rig))) {
    if (!image_ || !image_.prefault(0, image_.size())) throw std::bad_alloc();
  }

  const char* name() const noexcept override { return "documented_sequential"; }

  std::uint64_t save() override {
    image_bytes_ = 0;
    const std::uint64_t start = base::now_ns();
    for (std::uint32_t c = 0; c < rig_.point().channels; ++c) {
      const packet::ChannelConfig& channel = rig_.machine().vm(0).channels().channels()[c]->config();
      for (const VMBPACKET packet : rig_.packets(c)) save_packet(channel, packet);
    }
    return base::now_ns() - start;
  }

  std::uint64_t image_bytes() const override { return image_bytes_; }

  std::string difference() const override { return records_difference(rig_, image()); }

  std::vector<std::span<const std::byte>> image_memory() const override { return {image()}; }

 private:
  static std::uint64_t bytes_of_records(const Rig& rig) {
    std::uint64_t bytes = 0;
    for (const auto& requests : rig.requests()) {
      for (const VMBS_VSP_REQUEST& request : requests) bytes += image::record_bytes(0, request.bytes);
    }
    return bytes;
  }

  void save_packet(const packet::ChannelConfig& channel, VMBPACKET packet) {
    alignas(image::kRecordAlignment) std::byte nothing[image::kRecordAlignment];
    UINT32 needed = 0;
    NTSTATUS status = channel.save_packet(channel.handle, packet, nothing, 0, &needed);
    if (NT_SUCCESS(status)) return append(packet, nullptr, 0);
    if (needed == 0) fail(packet, status);
    const UINT32 size = needed;
    void* const buffer = std::malloc(size);
    if (buffer == nullptr) throw std::bad_alloc();
    status = channel.save_packet(channel.handle, packet, buffer, size, &needed);
    if (NT_SUCCESS(status)) append(packet, buffer, needed < size ? needed : size);
    std::free(buffer);
    if (!NT_SUCCESS(status)) fail(packet, status);
  }

  void append(VMBPACKET packet, const void* state, UINT32 bytes) {
    const auto record_bytes = static_cast<std::uint32_t>(image::record_bytes(0, bytes));
    if (record_bytes > image_.size() - image_bytes_) fail(packet, STATUS_BUFFER_OVERFLOW);
    std::byte* at = image_.data() + image_bytes_;
    save::write_lib_buf(*packet::from_handle(packet), record_bytes, bytes, 0, at);
    at += sizeof(image::LibBuf);
    if (bytes != 0) std::memcpy(at, state, bytes);
    std::memset(at + bytes, 0, record_bytes - sizeof(image::LibBuf) - bytes);
    image_bytes_ += record_bytes;
  }

  std::span<const std::byte> image() const { return {image_.data(), static_cast<std::size_t>(image_bytes_)}; }

  Rig& rig_;
  mem::Mapping image_;  // reserved and prefaulted before the timer
  std::uint64_t image_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Implementation> make_documented_sequential(Rig& rig, const RunOptions&) {
  return std::make_unique<DocumentedSequential>(rig);
}

}  // namespace vmbsave::bench
