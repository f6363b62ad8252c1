#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>

#include "io/io_error.hpp"

namespace vmbsave::io {
namespace {

class MemorySink final : public Sink {
 public:
  MemorySink(std::vector<std::byte>& bytes, std::uint64_t max_bytes) noexcept : bytes_(bytes), max_bytes_(max_bytes) {
    bytes_.clear();
  }
  ~MemorySink() override { MemorySink::abandon(); }

  Status write(std::span<const std::byte> bytes) noexcept override {
    if (!open_) return out_of_order(error_, bytes_.size());
    if (bytes.size() > max_bytes_ - bytes_.size()) return fail(Status::kQuotaExceeded, 0);
    const std::size_t before = bytes_.capacity();
    try {
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    } catch (const std::exception&) {  // bad_alloc, or a length that no vector has
      return fail(Status::kInsufficientResources, ENOMEM);
    }
    if (bytes_.capacity() != before) peak_bytes_ = std::max<std::uint64_t>(peak_bytes_, before);
    return Status::kSuccess;
  }

  std::size_t rewritable() const noexcept override { return SIZE_MAX; }

  Status rewrite(std::span<const std::byte> bytes) noexcept override {
    if (!open_) return out_of_order(error_, bytes_.size());
    if (bytes.size() > bytes_.size()) return Status::kInvalidParameter;
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
    return Status::kSuccess;
  }

  Status finish() noexcept override {
    if (!open_) return out_of_order(error_, bytes_.size());
    open_ = false;
    return Status::kSuccess;
  }

  void abandon() noexcept override {
    if (open_) bytes_ = {};
    open_ = false;
  }

  const IoError& error() const noexcept override { return error_; }
  std::uint64_t peak_bytes() const noexcept override { return peak_bytes_; }

 private:
  Status fail(Status status, int error) noexcept {
    error_ = {.status = status, .step = IoStep::kWrite, .error = error, .offset = bytes_.size()};
    abandon();
    return status;
  }

  std::vector<std::byte>& bytes_;
  const std::uint64_t max_bytes_;
  std::uint64_t peak_bytes_ = 0;  // the vector's old place, while it moves
  bool open_ = true;
  IoError error_;
};

class MemorySource final : public Source {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  Status read(std::span<std::byte> bytes, std::size_t& got) noexcept override {
    got = std::min(bytes.size(), bytes_.size() - at_);
    if (got != 0) std::memcpy(bytes.data(), bytes_.data() + at_, got);
    at_ += got;
    return Status::kSuccess;
  }

  std::uint64_t size() const noexcept override { return bytes_.size(); }
  const IoError& error() const noexcept override { return error_; }
  std::uint64_t peak_bytes() const noexcept override { return 0; }

 private:
  const std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  const IoError error_;
};

}  // namespace

std::unique_ptr<Sink> make_memory_sink(std::vector<std::byte>& bytes, std::uint64_t max_bytes) noexcept {
  return std::unique_ptr<Sink>(new (std::nothrow) MemorySink(bytes, max_bytes));
}

std::unique_ptr<Source> make_memory_source(std::span<const std::byte> bytes) noexcept {
  return std::unique_ptr<Source>(new (std::nothrow) MemorySource(bytes));
}

}  // namespace vmbsave::io
