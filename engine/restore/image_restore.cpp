#include "restore/image_restore.hpp"

#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "base/clock.hpp"
#include "image/chunk_reader.hpp"
#include "restore/channel_restore.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::restore {
namespace {

using image::Chunk;
using image::ChunkKind;

// A channel's part of the image.
struct StreamSpan {
  std::uint64_t offset;
  std::span<const std::byte> bytes;
};

class ImageRestore {
 public:
  ImageRestore(packet::Vm& vm, std::span<const std::byte> image, const RestoreOptions& options) noexcept
      : vm_(vm), image_(image), options_(options) {}

  RestoreReport run() noexcept {
    const std::uint64_t start = base::now_ns();
    if (!vm_.control().try_enter()) {
      fail(Status::kDeviceBusy, 0);
      return report_;
    }
    try {
      restore();
    } catch (const std::bad_alloc&) {
      fail(Status::kInsufficientResources, 0);
    }
    vm_.control().leave();
    report_.restore_ns = base::now_ns() - start;
    return report_;
  }

 private:
  // Every stream is checked before the first RestorePacket.
  void restore() {
    if (!check_image() || !split() || !counts_agree()) return;
    restores_.resize(streams_.size());
    if (!for_each_stream(&ImageRestore::check_stream) || for_each_stream(&ImageRestore::run_stream)) return;
    for (packet::Channel* channel : vm_.channels()) channel->drop_all();
  }

  bool fail(Status status, std::uint64_t offset, std::uint32_t channel = 0) noexcept {
    report_.status = status;
    report_.offset = offset;
    report_.channel = channel;
    return false;
  }

  bool check_image() noexcept {
    if (image_.size() > options_.max_bytes) return fail(Status::kInvalidBufferSize, 0);
    Chunk chunk;
    if (const Status status = image::read_chunk(image_, chunk); status != Status::kSuccess) return fail(status, 0);
    if (chunk.kind() != ChunkKind::kImage) return fail(Status::kDataError, 0);
    if (const Status status = image::read_body(chunk, body_); status != Status::kSuccess) return fail(status, 0);
    if (body_.bytes != image_.size()) return fail(Status::kInvalidBufferSize, 0);
    if (body_.channels != vm_.channels().size()) return fail(Status::kInvalidParameter, 0);
    next_ = chunk.bytes.size();
    return true;
  }

  // Finds every channel's stream by the length in its first chunk; what follows the last is the end chunk and nothing
  // else.
  bool split() {
    streams_.reserve(body_.channels);
    for (std::uint32_t c = 0; c < body_.channels; ++c) {
      if (!split_stream(c)) return false;
    }
    Chunk end;
    if (const Status status = image::read_chunk(image_.subspan(next_), end); status != Status::kSuccess) {
      return fail(status, next_);
    }
    if (end.kind() != ChunkKind::kEnd || next_ + end.bytes.size() != image_.size()) {
      return fail(Status::kDataError, next_);
    }
    return true;
  }

  bool split_stream(std::uint32_t c) {
    const std::span<const std::byte> rest = image_.subspan(next_);
    Chunk chunk;
    if (const Status status = image::read_chunk(rest, chunk); status != Status::kSuccess) return fail(status, next_, c);
    image::ChannelBody body;
    if (chunk.kind() != ChunkKind::kChannel || chunk.header.channel != c ||
        image::read_body(chunk, body) != Status::kSuccess) {
      return fail(Status::kDataError, next_, c);
    }
    if (body.stream_bytes < chunk.bytes.size() || body.stream_bytes > rest.size()) {
      return fail(Status::kInvalidBufferSize, next_, c);
    }
    streams_.push_back({next_, rest.first(body.stream_bytes)});
    report_.packets += body.packets;
    next_ += body.stream_bytes;
    return true;
  }

  bool counts_agree() noexcept { return report_.packets == body_.packets || fail(Status::kDataError, 0); }

  using Step = Status (ImageRestore::*)(std::size_t channel);

  Status check_stream(std::size_t c) {
    restores_[c] = std::make_unique<ChannelRestore>(*vm_.channels()[c]);
    const Status status = restores_[c]->check(streams_[c].bytes);
    return status == Status::kMoreProcessingRequired ? Status::kDataError : status;
  }
  Status run_stream(std::size_t c) { return restores_[c]->run(); }

  // One step for every stream, in parallel; false if it failed for one.
  bool for_each_stream(Step step) noexcept {
    step_ = step;
    const auto body = [](void* context, std::size_t first, std::size_t last) noexcept {
      for (; first < last; ++first) static_cast<ImageRestore*>(context)->run_step(first);
    };
    if (options_.executor == nullptr) {
      body(this, 0, streams_.size());
    } else {
      options_.executor->for_each(streams_.size(), 1, body, this);
    }
    return report_.status == Status::kSuccess;
  }

  void run_step(std::size_t c) noexcept {
    Status status;
    try {
      status = (this->*step_)(c);
    } catch (const std::bad_alloc&) {
      status = Status::kInsufficientResources;
    }
    if (status == Status::kSuccess) return;
    const std::lock_guard lock(mutex_);
    if (report_.status == Status::kSuccess) fail(status, streams_[c].offset, static_cast<std::uint32_t>(c));
  }

  packet::Vm& vm_;
  const std::span<const std::byte> image_;
  const RestoreOptions options_;
  image::ImageBody body_{};
  std::uint64_t next_ = 0;
  std::vector<StreamSpan> streams_;
  std::vector<std::unique_ptr<ChannelRestore>> restores_;
  Step step_ = nullptr;
  std::mutex mutex_;
  RestoreReport report_;
};

}  // namespace

RestoreReport restore_image(packet::Vm& vm, std::span<const std::byte> image, const RestoreOptions& options) noexcept {
  return ImageRestore(vm, image, options).run();
}

}  // namespace vmbsave::restore
