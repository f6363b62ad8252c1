#include "io/image_receiver.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "base/clock.hpp"
#include "mem/mapping.hpp"
#include "restore/image_frame.hpp"
#include "restore/stream_batch.hpp"

namespace vmbsave::io {
namespace {

using image::Chunk;

class ImageReceiver {
 public:
  ImageReceiver(packet::Vm& vm, Source& source, const ReceiveOptions& options) noexcept
      : vm_(vm), source_(source), options_(options) {}

  ReceiveReport run() noexcept {
    const std::uint64_t start = base::now_ns();
    try {
      if (receive()) report_.packets = frame_.packets();
    } catch (const std::bad_alloc&) {
      fail(RestoreFault::kNoMemory);
    }
    if (report_.status != Status::kSuccess) {
      for (packet::Channel* channel : std::span(vm_.channels()).first(restored_)) channel->drop_all();
    }
    report_.restore_ns = base::now_ns() - start;
    return {report_, source_.error(), received_, peak_ + source_.peak_bytes()};
  }

 private:
  bool receive() {
    if (source_.size() != UINT64_MAX && source_.size() > options_.max_bytes) return fail(RestoreFault::kTooLarge);
    if (!receive_head()) return false;
    while (restored_ < frame_.channels()) {
      if (!receive_batch() || !restore_batch()) return false;
    }
    return receive_end() && nothing_follows();
  }

  bool fail(RestoreFault fault, std::uint32_t channel = RestoreReport::kNoChannel) noexcept {
    report_ = {.status = restore_fault_status(fault), .fault = fault, .channel = channel, .offset = chunk_at_};
    if (fault == RestoreFault::kUnreadable) report_.status = source_.error().status;
    return false;
  }

  // Exactly so many bytes.
  bool read(std::span<std::byte> bytes, std::uint32_t channel = RestoreReport::kNoChannel) noexcept {
    if (bytes.size() > options_.max_bytes - received_) return fail(RestoreFault::kTooLarge, channel);
    std::size_t got = 0;
    const Status status = source_.read(bytes, got);
    received_ += got;
    if (status != Status::kSuccess) return fail(RestoreFault::kUnreadable, channel);
    return got == bytes.size() || fail(RestoreFault::kMissingTail, channel);
  }

  // Into small_; the header is looked at before the rest is read.
  bool read_chunk(Chunk& chunk, std::uint32_t channel = RestoreReport::kNoChannel) noexcept {
    chunk_at_ = received_;
    const auto header = std::span(small_).first(sizeof(image::ChunkHeader));
    if (!read(header, channel)) return false;
    RestoreFault fault = restore::read_frame_chunk(header, chunk);
    if (fault != RestoreFault::kNone && fault != RestoreFault::kMissingTail) return fail(fault, channel);
    const auto whole = std::span(small_).first(chunk.header.bytes);
    if (!read(whole.subspan(header.size()), channel)) return false;
    fault = restore::read_frame_chunk(whole, chunk);
    return fault == RestoreFault::kNone || fail(fault, channel);
  }

  bool receive_head() noexcept {
    Chunk chunk;
    if (!read_chunk(chunk)) return false;
    if (const RestoreFault fault = frame_.take_head(chunk, source_.size()); fault != RestoreFault::kNone)
      return fail(fault);
    if (frame_.bytes() > options_.max_bytes) return fail(RestoreFault::kTooLarge);
    if (frame_.channels() != vm_.channels().size()) return fail(RestoreFault::kChannels);
    return true;
  }

  // The next streams, one behind the other in memory, until one would not fit.
  bool receive_batch() {
    batch_.clear();
    std::uint64_t held = 0;
    for (std::uint32_t next = restored_; next < frame_.channels(); ++next) {
      if (!has_first_ && !receive_first(next)) return false;
      if (body_.stream_bytes > options_.memory_budget) return fail(RestoreFault::kBudget, next);
      if (body_.stream_bytes > options_.memory_budget - held) break;
      if (!receive_stream(next, held)) return false;
      held += body_.stream_bytes;
    }
    return true;
  }

  // The first chunk of a stream, which says how long that is.
  bool receive_first(std::uint32_t channel) noexcept {
    Chunk chunk;
    if (!read_chunk(chunk, channel)) return false;
    if (const RestoreFault fault = frame_.take_stream(chunk, chunk_at_, body_); fault != RestoreFault::kNone) {
      return fail(fault, channel);
    }
    first_bytes_ = chunk.bytes.size();
    has_first_ = true;
    return true;
  }

  // The rest of it. Memory is mapped for all and taken page by page as bytes come: a length alone costs nothing.
  bool receive_stream(std::uint32_t channel, std::uint64_t held) {
    if (!room_.grow(held + body_.stream_bytes)) return fail(RestoreFault::kNoMemory, channel);
    const std::span<std::byte> stream(room_.data() + held, body_.stream_bytes);
    std::memcpy(stream.data(), small_, first_bytes_);
    if (!read_into(stream.subspan(first_bytes_), channel)) return false;
    has_first_ = false;
    peak_ = std::max(peak_, held + body_.stream_bytes);
    batch_.push_back({chunk_at_, held, body_.stream_bytes});
    return true;
  }

  // In steps, so that a page is taken when its bytes are about to come, and a huge one where the system gives it.
  bool read_into(std::span<std::byte> stream, std::uint32_t channel) noexcept {
    constexpr std::size_t kStep = std::size_t{4} << 20;
    while (!stream.empty()) {
      const std::span<std::byte> step = stream.first(std::min(stream.size(), kStep));
      const auto first = static_cast<std::size_t>(step.data() - room_.data());
      if (first + step.size() > backed_) {
        if (!room_.prefault(backed_, first + step.size())) return fail(RestoreFault::kNoMemory, channel);
        backed_ = first + step.size();
      }
      if (!read(step, channel)) return false;
      stream = stream.subspan(step.size());
    }
    return true;
  }

  bool restore_batch() {
    std::vector<restore::StreamSpan> streams;
    streams.reserve(batch_.size());
    for (const Held& held : batch_) streams.push_back({held.offset, {room_.data() + held.at, held.bytes}});
    const auto channels = std::span(vm_.channels()).subspan(restored_, streams.size());
    const std::uint64_t checked_ns = report_.check_ns;
    report_ = restore::restore_streams(channels, streams, options_.executor);
    report_.check_ns += checked_ns;
    if (report_.status != Status::kSuccess) {
      report_.channel += restored_;
      return false;
    }
    restored_ += static_cast<std::uint32_t>(streams.size());
    return true;
  }

  bool receive_end() noexcept {
    Chunk chunk;
    if (!read_chunk(chunk)) return false;
    const RestoreFault fault = frame_.take_end(chunk, received_);
    return fault == RestoreFault::kNone || fail(fault);
  }

  bool nothing_follows() noexcept {
    if (source_.size() == UINT64_MAX) return true;
    std::size_t got = 0;
    std::byte more;
    if (source_.read({&more, 1}, got) != Status::kSuccess) return fail(RestoreFault::kUnreadable);
    return got == 0 || fail(RestoreFault::kTrailingBytes);
  }

  struct Held {
    std::uint64_t offset;  // in the image
    std::uint64_t at;      // in room_
    std::uint64_t bytes;
  };

  packet::Vm& vm_;
  Source& source_;
  const ReceiveOptions options_;
  RestoreReport report_;
  restore::ImageFrame frame_;
  alignas(image::kChunkAlignment) std::byte small_[restore::kMaxFrameChunkBytes];
  bool has_first_ = false;  // small_ and body_ are of a stream whose rest is not read yet
  std::size_t first_bytes_ = 0;
  image::ChannelBody body_{};
  mem::Mapping room_;
  std::size_t backed_ = 0;  // bytes of it that have pages
  std::vector<Held> batch_;
  std::uint32_t restored_ = 0;  // channels
  std::uint64_t chunk_at_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t peak_ = 0;
};

}  // namespace

ReceiveReport restore_from(packet::Vm& vm, Source& source, const ReceiveOptions& options) noexcept {
  if (!vm.control().try_enter()) {
    ReceiveReport report;
    report.restore.fault = RestoreFault::kBusy;
    report.restore.status = restore_fault_status(RestoreFault::kBusy);
    return report;
  }
  const ReceiveReport report = ImageReceiver(vm, source, options).run();
  vm.control().leave();
  return report;
}

}  // namespace vmbsave::io
