#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/bytes.hpp"
#include "io/io_error.hpp"
#include "io/target_file.hpp"
#include "io/transfers.hpp"

namespace vmbsave::io {
namespace {

// The buffers are used in turn: the one that is being filled is the one that has been under way for longest.
class FileSink final : public Sink {
 public:
  explicit FileSink(const FileOptions& options) noexcept : options_(options) {}

  IoError open(const char* path) {
    const IoError error = target_.open(path);
    if (error.status != Status::kSuccess) return error;
    if (!transfers_.open(target_.descriptor(), Direction::kWrite, options_)) return failure(IoStep::kOpen, ENOMEM);
    peak_bytes_ = sizeof *this + transfers_.memory_bytes();
    open_ = true;
    return {};
  }

  Status write(std::span<const std::byte> bytes) noexcept override {
    if (!open_) return out_of_order(error_, written_);
    keep_head(bytes);
    while (!bytes.empty()) {
      if (filled_ == 0 && !reap(current_)) return error_.status;
      bytes = bytes.subspan(fill(bytes));
      if (filled_ == options_.buffer_bytes) start(filled_);
    }
    return Status::kSuccess;
  }

  std::size_t rewritable() const noexcept override { return kBlock; }

  Status rewrite(std::span<const std::byte> bytes) noexcept override {
    if (!open_) return out_of_order(error_, written_);
    if (bytes.size() > std::min<std::uint64_t>(kBlock, written_)) return Status::kInvalidParameter;
    std::copy(bytes.begin(), bytes.end(), head_.begin());
    head_is_new_ = true;
    return Status::kSuccess;
  }

  Status finish() noexcept override {
    if (!open_) return out_of_order(error_, written_);
    start_tail();
    if (!reap_all() || !write_head() || !cut_padding()) return error_.status;
    transfers_.close();
    open_ = false;
    error_ = target_.commit(options_.durable, written_);
    target_.remove();
    return error_.status;
  }

  void abandon() noexcept override {
    open_ = false;
    transfers_.close();
    target_.remove();
  }

  const IoError& error() const noexcept override { return error_; }
  std::uint64_t peak_bytes() const noexcept override { return peak_bytes_; }

 private:
  bool fail(IoStep step, int error, std::uint64_t offset) noexcept {
    error_ = failure(step, error, offset);
    abandon();
    return false;
  }

  // The first block may change until the end, and its buffer is needed again before.
  void keep_head(std::span<const std::byte> bytes) noexcept {
    if (written_ >= kBlock || bytes.empty()) return;
    std::memcpy(head_.data() + written_, bytes.data(), std::min<std::size_t>(bytes.size(), kBlock - written_));
  }

  std::size_t fill(std::span<const std::byte> bytes) noexcept {
    const std::size_t count = std::min(bytes.size(), options_.buffer_bytes - filled_);
    std::memcpy(transfers_.buffer(current_).data() + filled_, bytes.data(), count);
    filled_ += count;
    written_ += count;
    return count;
  }

  // Of the current buffer, which ends what was written.
  void start(std::size_t bytes) noexcept {
    transfers_.start(current_, written_ - filled_, bytes, filled_);  // the padding need not fit
    current_ = (current_ + 1) % transfers_.count();
    filled_ = 0;
  }

  // Past the page cache only whole blocks are written: the file is cut to its size afterwards.
  std::size_t padded(std::size_t i, std::size_t bytes) noexcept {
    if (!transfers_.direct() || bytes % kBlock == 0) return bytes;
    const std::size_t whole = base::align_up(bytes, kBlock);
    std::memset(transfers_.buffer(i).data() + bytes, 0, whole - bytes);
    is_padded_ = true;
    return whole;
  }

  void start_tail() noexcept {
    if (filled_ != 0) start(padded(current_, filled_));
  }

  bool reap(std::size_t i) noexcept {
    const int error = transfers_.wait(i);
    return error == 0 || fail(IoStep::kWrite, error, transfers_.offset(i) + transfers_.moved(i));
  }

  // The oldest first, so that the failure that is told is the first in the file.
  bool reap_all() noexcept {
    for (std::size_t i = 0; i < transfers_.count(); ++i) {
      if (!reap((current_ + i) % transfers_.count())) return false;
    }
    return true;
  }

  bool write_head() noexcept {
    if (!head_is_new_) return true;
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, written_));
    std::memcpy(transfers_.buffer(0).data(), head_.data(), bytes);
    const std::size_t whole = padded(0, bytes);
    transfers_.start(0, 0, whole, bytes);
    return reap(0);
  }

  bool cut_padding() noexcept {
    if (!is_padded_) return true;
    const auto size = static_cast<off_t>(written_);
    const int result = uninterrupted([&] { return ftruncate(target_.descriptor(), size); });
    return result == 0 || fail(IoStep::kWrite, errno, written_);
  }

  const FileOptions options_;
  TargetFile target_;
  Transfers transfers_;  // behind the file it writes
  std::size_t current_ = 0;
  std::size_t filled_ = 0;  // of the current buffer
  std::uint64_t written_ = 0;
  std::uint64_t peak_bytes_ = 0;
  bool open_ = false;
  bool head_is_new_ = false;
  bool is_padded_ = false;
  IoError error_;
  std::array<std::byte, kBlock> head_{};
};

}  // namespace

std::unique_ptr<Sink> create_file(const char* path, const FileOptions& options, IoError& error) noexcept {
  error = {.status = Status::kInvalidParameter, .step = IoStep::kOpen};
  if (path == nullptr || !valid(options)) return nullptr;
  try {
    auto sink = std::make_unique<FileSink>(options);
    error = sink->open(path);
    return error.status == Status::kSuccess ? std::move(sink) : nullptr;
  } catch (const std::bad_alloc&) {
    error = failure(IoStep::kOpen, ENOMEM);
    return nullptr;
  }
}

}  // namespace vmbsave::io
