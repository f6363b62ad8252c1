#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>

#include "io/io_error.hpp"
#include "io/signal_guard.hpp"
#include "io/stream_end.hpp"

namespace vmbsave::io {
namespace {

class StreamSink final : public Sink {
 public:
  StreamSink(int fd, const StreamOptions& options) noexcept : end_(fd, options.timeout_ns) {
    buffer_.reset(new (std::nothrow) std::byte[options.buffer_bytes]);
    if (buffer_ != nullptr) capacity_ = options.buffer_bytes;
  }
  bool has_memory() const noexcept { return buffer_ != nullptr; }

  // Order is kept: what was gathered leaves before what is not.
  Status write(std::span<const std::byte> bytes) noexcept override {
    if (!open_) return out_of_order(error_, sent_);
    if (bytes.size() > capacity_ - filled_ && !flush()) return error_.status;
    if (bytes.size() >= capacity_) {
      (void)send(bytes);
      return error_.status;
    }
    std::copy(bytes.begin(), bytes.end(), buffer_.get() + filled_);
    filled_ += bytes.size();
    return Status::kSuccess;
  }

  Status rewrite(std::span<const std::byte> bytes) noexcept override {
    if (!open_) return out_of_order(error_, sent_);
    return bytes.empty() ? Status::kSuccess : Status::kInvalidParameter;
  }

  Status finish() noexcept override {
    if (!open_) return out_of_order(error_, sent_);
    (void)flush();
    open_ = false;
    return error_.status;
  }

  void set_patience(Patience* patience) noexcept override { end_.set_patience(patience); }

  void abandon() noexcept override { open_ = false; }

  const IoError& error() const noexcept override { return error_; }
  std::uint64_t peak_bytes() const noexcept override { return sizeof *this + capacity_; }

 private:
  bool flush() noexcept {
    const std::size_t filled = filled_;
    filled_ = 0;
    return send({buffer_.get(), filled});
  }

  bool send(std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) return true;
    const SignalGuard guard(SIGPIPE);
    while (!bytes.empty()) {
      const std::int64_t sent = end_.send(bytes);
      if (sent <= 0) return fail(sent < 0 ? static_cast<int>(-sent) : EIO);
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      sent_ += static_cast<std::uint64_t>(sent);
    }
    return true;
  }

  bool fail(int error) noexcept {
    const bool waited = error == ETIMEDOUT || error == ECANCELED;
    error_ = failure(waited ? IoStep::kWait : IoStep::kWrite, error, sent_);
    open_ = false;
    return false;
  }

  StreamEnd end_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t sent_ = 0;
  bool open_ = true;
  IoError error_;
};

}  // namespace

std::unique_ptr<Sink> make_stream_sink(int descriptor, const StreamOptions& options) noexcept {
  std::unique_ptr<StreamSink> sink(new (std::nothrow) StreamSink(descriptor, options));
  return sink != nullptr && sink->has_memory() ? std::move(sink) : nullptr;
}

}  // namespace vmbsave::io
