#include "io/image_sender.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "image/chunk_writer.hpp"

namespace vmbsave::io {
namespace {

// While it writes so much, a save that has to move its image waits.
constexpr std::size_t kAtOnce = std::size_t{1} << 20;

// Below, a thread gains little: it starts in some 20 us, and so many packets are saved in 60 to 80.
constexpr std::uint64_t kWorthAThread = 4096;

// Which channels are complete, that the image stays where it is, and whether somebody still wants it.
class Sealed final : public save::SealObserver, public Patience {
 public:
  explicit Sealed(const save::SaveSession& session) : session_(session), sealed_(session.image().channels()) {}

  void sealed(std::uint32_t channel) noexcept override {
    const std::lock_guard lock(mutex_);
    sealed_[channel] = true;
    changed_.notify_all();
  }
  // A save goes first: whoever reads, and has more to read, lets it move the image.
  void before_move() noexcept override {
    std::unique_lock lock(mutex_);
    moving_ = true;
    changed_.wait(lock, [this] { return !reading_; });
  }
  void after_move() noexcept override {
    const std::lock_guard lock(mutex_);
    moving_ = false;
    changed_.notify_all();
  }

  // The VM stands still until all is sent, so what ends a save ends that too: a sink that waits reads the image, for
  // which the save may wait in turn.
  Status check() noexcept override {
    const std::lock_guard lock(mutex_);
    return failed_ ? Status::kCancelled : session_.stopped();
  }

  // The save is over.
  void finish(bool complete) noexcept {
    const std::lock_guard lock(mutex_);
    (complete ? complete_ : failed_) = true;
    changed_.notify_all();
  }

  // Waits. False: the save failed.
  bool await(std::uint32_t channel) noexcept {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failed_ || complete_ || sealed_[channel]; });
    return !failed_;
  }
  bool await_end() noexcept {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failed_ || complete_; });
    return !failed_;
  }
  bool over() noexcept {
    const std::lock_guard lock(mutex_);
    return failed_ || complete_;
  }

  // Between them the image of a sealed channel stays where it is. Waits while it moves. False: the save failed.
  bool begin_read() noexcept {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return failed_ || !moving_; });
    reading_ = !failed_;
    return reading_;
  }
  void end_read() noexcept {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    changed_.notify_all();
  }

 private:
  const save::SaveSession& session_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::vector<bool> sealed_;
  bool complete_ = false;
  bool failed_ = false;
  bool moving_ = false;
  bool reading_ = false;
};

// Sends one image: head, channels, end.
class ImageSender {
 public:
  ImageSender(const save::SaveSession& session, Sink& sink, Sealed& sealed) noexcept
      : session_(session),
        sink_(sink),
        sealed_(sealed),
        channels_(session.image().channels()),
        streams_(sink.rewritable() < image::kImageChunkBytes) {}

  // False: the save has failed, or the sink.
  bool send() noexcept {
    // Where the head cannot be written again, the totals come at the end.
    const bool whole = send_head() && send_channels() && sealed_.await_end() && send_end();
    return whole && taken(sink_.finish());
  }

  std::uint64_t bytes() const noexcept { return bytes_; }
  std::uint32_t channels_meanwhile() const noexcept { return channels_meanwhile_; }
  Status status() const noexcept { return status_; }

 private:
  bool taken(Status status) noexcept {
    status_ = status;
    return status == Status::kSuccess;
  }

  bool write(std::span<const std::byte> bytes) noexcept {
    if (!taken(sink_.write(bytes))) return false;
    bytes_ += bytes.size();
    return true;
  }

  bool send_head() noexcept {
    alignas(image::kChunkAlignment) std::byte head[image::kImageChunkBytes] = {};
    if (streams_) {
      image::write_streamed_image_chunk(head, channels_, session_.report().packets, session_.options().checksum);
    }
    return write(head);
  }

  bool send_channels() noexcept {
    for (std::uint32_t channel = 0; channel < channels_; ++channel) {
      if (!sealed_.await(channel)) return false;
      if (!sealed_.over()) ++channels_meanwhile_;
      if (!send_channel(channel)) return false;
    }
    return true;
  }

  // In steps, by the bytes sent of it: between two of them the image may move.
  bool send_channel(std::uint32_t channel) noexcept {
    for (std::uint64_t sent = 0;;) {
      if (!sealed_.begin_read()) return false;
      const std::uint64_t before = sent;
      bool ok = true;
      std::uint64_t at = 0;
      session_.image().for_each_piece_of(channel, [&](std::span<const std::byte> piece) {
        const std::uint64_t begin = std::max(at, sent);
        const std::uint64_t end = std::min(at + piece.size(), before + kAtOnce);
        if (ok && begin < end) {
          ok = write(piece.subspan(begin - at, end - begin));
          sent = end;
        }
        at += piece.size();
      });
      sealed_.end_read();
      if (!ok) return false;
      if (sent == at) return true;
    }
  }

  bool send_end() noexcept {
    const save::ImageView image = session_.image();
    if (!streams_) return write(image.end()) && taken(sink_.rewrite(image.head()));
    alignas(image::kChunkAlignment) std::byte end[image::kStreamedEndChunkBytes];
    image::write_streamed_end_chunk(end, session_.report().packets, bytes_ + sizeof end, session_.options().checksum);
    return write(end);
  }

  const save::SaveSession& session_;
  Sink& sink_;
  Sealed& sealed_;
  const std::uint32_t channels_;  // the image's address may change, and is not looked at for that
  const bool streams_;
  Status status_ = Status::kSuccess;
  std::uint64_t bytes_ = 0;
  std::uint32_t channels_meanwhile_ = 0;
};

// One image from its start to its report.
class Sending {
 public:
  Sending(const save::SaveSession& session, Sink& sink)
      : session_(session), sink_(sink), sealed_(session), sender_(session, sink, sealed_) {}

  Sealed& sealed() noexcept { return sealed_; }

  void send() noexcept { sent_ = sender_.send(); }

  SendReport report(Status saved, std::uint64_t save_ns) noexcept {
    if (!sent_) sink_.abandon();
    return {.status = saved != Status::kSuccess ? saved : sender_.status(),
            .io = sink_.error(),
            .bytes = sender_.bytes(),
            .save_ns = save_ns,
            .send_ns = base::now_ns() - start_ns_,
            .channels_meanwhile = sender_.channels_meanwhile(),
            .peak_bytes = session_.report().memory_mapped + sink_.peak_bytes()};
  }
  std::uint64_t since_start() const noexcept { return base::now_ns() - start_ns_; }

 private:
  const save::SaveSession& session_;
  Sink& sink_;
  Sealed sealed_;
  ImageSender sender_;
  bool sent_ = false;
  const std::uint64_t start_ns_ = base::now_ns();
};

// No thread: after the save.
std::thread start_thread(Sending& sending) noexcept {
  try {
    return std::thread([&sending] { sending.send(); });
  } catch (...) {
    return {};
  }
}

}  // namespace

SendReport save_to(save::SaveSession& session, Sink& sink, const SendOptions& options) noexcept {
  if (!session.begun()) {
    sink.abandon();
    return {.status = Status::kInvalidDeviceState};
  }
  try {
    Sending sending(session, sink);
    sink.set_patience(&sending.sealed());
    const bool meanwhile = options.meanwhile && session.report().packets >= kWorthAThread;
    std::thread thread = meanwhile ? start_thread(sending) : std::thread();
    const Status saved = session.save(thread.joinable() ? &sending.sealed() : nullptr);
    const std::uint64_t save_ns = sending.since_start();
    sending.sealed().finish(saved == Status::kSuccess);
    if (thread.joinable()) {
      thread.join();
    } else if (saved == Status::kSuccess) {
      sending.send();
    }
    const SendReport report = sending.report(saved, save_ns);
    sink.set_patience(nullptr);
    return report;
  } catch (const std::bad_alloc&) {
    sink.abandon();
    return {.status = Status::kInsufficientResources};
  }
}

SendReport send_image(const save::SaveSession& session, Sink& sink) noexcept {
  if (!session.complete()) {
    sink.abandon();
    return {.status = Status::kInvalidDeviceState};
  }
  try {
    Sending sending(session, sink);
    sending.sealed().finish(true);
    sending.send();
    return sending.report(Status::kSuccess, 0);
  } catch (const std::bad_alloc&) {
    sink.abandon();
    return {.status = Status::kInsufficientResources};
  }
}

}  // namespace vmbsave::io
