#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/bytes.hpp"
#include "io/descriptor.hpp"
#include "io/io_error.hpp"
#include "io/transfers.hpp"

namespace vmbsave::io {
namespace {

// Block n of the file, a buffer long, is read into buffer n % count, as early as that is free.
class FileSource final : public Source {
 public:
  explicit FileSource(const FileOptions& options) noexcept : options_(options) {}

  IoError open(const char* path) noexcept {
    if (const int error = open_regular(path); error != 0) return failure(IoStep::kOpen, error);
    if (!transfers_.open(file_.get(), Direction::kRead, options_)) return failure(IoStep::kOpen, ENOMEM);
    peak_bytes_ = sizeof *this + transfers_.memory_bytes();
    return {};
  }

  Status read(std::span<std::byte> bytes, std::size_t& got) noexcept override {
    got = 0;
    while (error_.status == Status::kSuccess && got < bytes.size() && available()) {
      const std::size_t in_block = at_ % options_.buffer_bytes;
      const std::size_t count = std::min(bytes.size() - got, ready_ - in_block);
      std::memcpy(bytes.data() + got, transfers_.buffer(current()).data() + in_block, count);
      got += count;
      at_ += count;
      if (in_block + count == options_.buffer_bytes) ready_ = 0;
    }
    return error_.status;
  }

  std::uint64_t size() const noexcept override { return size_; }
  const IoError& error() const noexcept override { return error_; }
  std::uint64_t peak_bytes() const noexcept override { return peak_bytes_; }

 private:
  // Looks before it opens, because opening a device can do something; and again, because things change. A FIFO does not
  // keep it waiting.
  int open_regular(const char* path) noexcept {
    struct stat there {};
    if (stat(path, &there) != 0) return errno;
    if (!S_ISREG(there.st_mode)) return S_ISDIR(there.st_mode) ? EISDIR : ESPIPE;
    const int fd = uninterrupted([&] { return ::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); });
    if (fd < 0) return errno;
    file_ = Descriptor(fd);
    if (fstat(fd, &there) != 0) return errno;
    if (!S_ISREG(there.st_mode)) return ESPIPE;
    size_ = static_cast<std::uint64_t>(there.st_size);
    const int flags = fcntl(fd, F_GETFL);  // io_uring answers EAGAIN on a descriptor that does not block
    return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0 ? errno : 0;
  }

  std::size_t current() const noexcept { return at_ / options_.buffer_bytes % transfers_.count(); }

  // There is a byte at at_ in the current buffer.
  bool available() noexcept {
    if (at_ >= size_ || ended_) return false;
    if (ready_ == 0 && !fetch()) return false;
    if (at_ % options_.buffer_bytes < ready_) return true;
    ended_ = true;  // the file has become shorter
    return false;
  }

  // Everything that has room, then waits for the current one.
  bool fetch() noexcept {
    while (requested_ < size_ && requested_ < at_ + transfers_.count() * options_.buffer_bytes) request();
    const std::size_t i = current();
    const int error = transfers_.wait(i);
    ready_ = static_cast<std::size_t>(std::min<std::uint64_t>(transfers_.moved(i), size_ - at_));
    if (error == 0) return true;
    error_ = failure(IoStep::kRead, error, at_);
    return false;
  }

  // The last block: enough is what the file has; past the page cache whole blocks are asked for.
  void request() noexcept {
    const auto left = static_cast<std::size_t>(std::min<std::uint64_t>(options_.buffer_bytes, size_ - requested_));
    const std::size_t i = requested_ / options_.buffer_bytes % transfers_.count();
    transfers_.start(i, requested_, transfers_.direct() ? base::align_up(left, kBlock) : left, left);
    requested_ += left;
  }

  const FileOptions options_;
  Descriptor file_;
  Transfers transfers_;  // behind the file it reads
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;         // the next byte to give
  std::uint64_t requested_ = 0;  // reads of all bytes before are under way or done
  std::size_t ready_ = 0;        // bytes of the current block in its buffer; 0: not waited for
  std::uint64_t peak_bytes_ = 0;
  bool ended_ = false;
  IoError error_;
};

}  // namespace

std::unique_ptr<Source> open_file(const char* path, const FileOptions& options, IoError& error) noexcept {
  error = {.status = Status::kInvalidParameter, .step = IoStep::kOpen};
  if (path == nullptr || !valid(options)) return nullptr;
  std::unique_ptr<FileSource> source(new (std::nothrow) FileSource(options));
  error = source == nullptr ? failure(IoStep::kOpen, ENOMEM) : source->open(path);
  return error.status == Status::kSuccess ? std::move(source) : nullptr;
}

}  // namespace vmbsave::io
