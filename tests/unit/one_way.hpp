// one_way.hpp: ends that cannot go back, as sockets, and a VM with packets in use whose image goes over them.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "unit/image_fixture.hpp"
#include "vmbsave/io.hpp"

namespace vmbsave::test {

// A sink that cannot go back, as a socket; counts, and fails on request.
class OneWaySink final : public io::Sink {
 public:
  Status write(std::span<const std::byte> more) noexcept override {
    largest = std::max(largest, more.size());
    if (bytes.size() + more.size() > room) return error_.status = Status::kConnectionDisconnected;
    bytes.insert(bytes.end(), more.begin(), more.end());
    written = bytes.size();
    return Status::kSuccess;
  }
  Status rewrite(std::span<const std::byte>) noexcept override { return Status::kInvalidParameter; }
  Status finish() noexcept override { return finished = true, Status::kSuccess; }
  void abandon() noexcept override { abandoned = true; }
  void set_patience(io::Patience* given) noexcept override {
    patience = given;
    had_patience |= given != nullptr;
  }
  const io::IoError& error() const noexcept override { return error_; }
  std::uint64_t peak_bytes() const noexcept override { return 7; }

  Bytes bytes;
  std::atomic<std::size_t> written{0};
  std::size_t room = SIZE_MAX;
  std::size_t largest = 0;  // of all writes
  bool finished = false;
  bool abandoned = false;
  bool had_patience = false;
  io::Patience* patience = nullptr;

 private:
  io::IoError error_;
};

// Of a size that is not known before.
class OneWaySource final : public io::Source {
 public:
  explicit OneWaySource(Bytes bytes, std::size_t fails_at = SIZE_MAX) : bytes_(std::move(bytes)), fails_at_(fails_at) {}
  Status read(std::span<std::byte> to, std::size_t& got) noexcept override {
    got = std::min(to.size(), bytes_.size() - at_);
    if (at_ + got > fails_at_) return error_.status = Status::kIoTimeout;
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), got, to.begin());
    at_ += got;
    return Status::kSuccess;
  }
  const io::IoError& error() const noexcept override { return error_; }
  std::uint64_t peak_bytes() const noexcept override { return 0; }

 private:
  Bytes bytes_;
  std::size_t fails_at_;
  std::size_t at_ = 0;
  io::IoError error_;
};

constexpr unsigned kChannels = 6;
constexpr unsigned kPackets = 2'000;  // on each channel but the third, which is empty

inline void fill(TestVm& vm) {
  for (unsigned c = 0; c < kChannels; ++c) {
    for (unsigned i = 0; c != 2 && i < kPackets; ++i) vm[c].receive(c * 100'000 + i + 1, i % 90);
  }
}

inline constexpr std::uint64_t kInAll = std::uint64_t{kChannels - 1} * kPackets;

struct Fixture {
  explicit Fixture(packet::ChannelConfig config = {}) : vm(kChannels, config) { fill(vm); }
  TestVm vm;
};

}  // namespace vmbsave::test
