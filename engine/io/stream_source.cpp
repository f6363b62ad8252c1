#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "io/io_error.hpp"
#include "io/stream_end.hpp"

namespace vmbsave::io {
namespace {

class StreamSource final : public Source {
 public:
  StreamSource(int fd, const StreamOptions& options) noexcept : end_(fd, options.timeout_ns) {
    buffer_.reset(new (std::nothrow) std::byte[options.buffer_bytes]);
    if (buffer_ != nullptr) capacity_ = options.buffer_bytes;
  }
  bool has_memory() const noexcept { return buffer_ != nullptr; }

  // What is asked for in pieces as large as the buffer, or larger, does not go through it.
  Status read(std::span<std::byte> bytes, std::size_t& got) noexcept override {
    got = 0;
    while (got < bytes.size() && error_.status == Status::kSuccess && !ended_) {
      const std::span<std::byte> rest = bytes.subspan(got);
      if (at_ != filled_) {
        got += take(rest);
      } else if (rest.size() >= capacity_) {
        got += receive(rest);
      } else {
        at_ = 0;
        filled_ = receive({buffer_.get(), capacity_});
      }
    }
    return error_.status;
  }

  const IoError& error() const noexcept override { return error_; }
  std::uint64_t peak_bytes() const noexcept override { return sizeof *this + capacity_; }

 private:
  std::size_t take(std::span<std::byte> bytes) noexcept {
    const std::size_t count = std::min(bytes.size(), filled_ - at_);
    std::memcpy(bytes.data(), buffer_.get() + at_, count);
    at_ += count;
    return count;
  }

  std::size_t receive(std::span<std::byte> bytes) noexcept {
    const std::int64_t received = end_.receive(bytes);
    if (received < 0) {
      const int error = static_cast<int>(-received);
      error_ = failure(error == ETIMEDOUT ? IoStep::kWait : IoStep::kRead, error, received_);
      return 0;
    }
    ended_ = received == 0;
    received_ += static_cast<std::uint64_t>(received);
    return static_cast<std::size_t>(received);
  }

  StreamEnd end_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t at_ = 0;      // the next byte of the buffer to give
  std::size_t filled_ = 0;  // bytes in the buffer
  std::uint64_t received_ = 0;
  bool ended_ = false;
  IoError error_;
};

}  // namespace

std::unique_ptr<Source> make_stream_source(int descriptor, const StreamOptions& options) noexcept {
  std::unique_ptr<StreamSource> source(new (std::nothrow) StreamSource(descriptor, options));
  return source != nullptr && source->has_memory() ? std::move(source) : nullptr;
}

}  // namespace vmbsave::io
