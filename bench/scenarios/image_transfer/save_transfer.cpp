// An image on its way out while it is saved.
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <thread>

#include "base/clock.hpp"
#include "harness/interrupts.hpp"
#include "io/image_sender.hpp"
#include "kmcl/vm.hpp"
#include "scenarios/image_transfer/transfer.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"

namespace vmbsave::bench {
namespace {

[[noreturn]] void fail(const char* what, Status status) {
  throw CheckFailed(fmt::format("{} failed: {}", what, status_name(status)));
}

// Where bytes go, again and again.
class Place {
 public:
  virtual ~Place() = default;
  virtual std::unique_ptr<io::Sink> open() = 0;
  virtual void await(std::size_t) {}             // until so many bytes have arrived
  virtual std::vector<std::byte> arrived() = 0;  // of the last image, once awaited
};

class File final : public Place {
 public:
  explicit File(const std::string& folder)
      : path_(std::filesystem::path(folder) / fmt::format("vmbsave-bench-{}.img", getpid())) {
    remove_when_interrupted(path_.c_str());
  }
  ~File() override {
    std::error_code gone;
    std::filesystem::remove(path_, gone);
  }

  std::unique_ptr<io::Sink> open() override {
    io::IoError error;
    auto sink = io::create_file(path_.c_str(), {}, error);
    if (sink == nullptr) fail("creating a file", error.status);
    return sink;
  }
  std::vector<std::byte> arrived() override {
    io::IoError error;
    const auto source = io::open_file(path_.c_str(), {}, error);
    if (source == nullptr) fail("opening the file", error.status);
    std::vector<std::byte> bytes(source->size());
    std::size_t got = 0;
    if (const Status status = source->read(bytes, got); status != Status::kSuccess) fail("reading the file", status);
    return bytes;
  }

 private:
  const std::filesystem::path path_;
};

// A pair of sockets, and a thread that takes what comes.
class Socket final : public Place {
 public:
  Socket() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) != 0) throw std::runtime_error("no pair of sockets");
    bytes_.resize(std::size_t{64} << 20);
    reader_ = std::thread([this] { take(); });
  }
  ~Socket() override {
    shutdown(ends_[0], SHUT_RDWR);
    reader_.join();
    close(ends_[0]);
    close(ends_[1]);
  }

  std::unique_ptr<io::Sink> open() override {
    begin_ += expected_;
    auto sink = io::make_stream_sink(ends_[0], {});
    if (sink == nullptr) throw std::bad_alloc();
    return sink;
  }
  void await(std::size_t bytes) override {
    constexpr std::uint64_t kLongestNs = 30'000'000'000;  // as a stream's own timeout
    if (bytes > bytes_.size()) throw CheckFailed("the image is larger than the room of who reads it");
    expected_ = bytes;
    const std::uint64_t start = base::now_ns();
    while (taken_.load(std::memory_order_acquire) < begin_ + expected_) {
      if (base::now_ns() - start > kLongestNs) throw CheckFailed("fewer bytes arrived than were sent");
      std::this_thread::yield();
    }
  }
  std::vector<std::byte> arrived() override {
    std::vector<std::byte> bytes(expected_);
    for (std::size_t i = 0; i < expected_; ++i) bytes[i] = bytes_[(begin_ + i) % bytes_.size()];
    return bytes;
  }

 private:
  void take() noexcept {
    while (true) {
      const std::size_t at = taken_.load(std::memory_order_relaxed) % bytes_.size();
      const ssize_t got = recv(ends_[1], bytes_.data() + at, bytes_.size() - at, 0);
      if (got <= 0) return;
      taken_.fetch_add(static_cast<std::size_t>(got), std::memory_order_release);
    }
  }

  int ends_[2] = {-1, -1};
  std::vector<std::byte> bytes_;  // what came last, in a circle
  std::atomic<std::size_t> taken_{0};
  std::size_t begin_ = 0;     // of the last image, in all that came
  std::size_t expected_ = 0;  // bytes of it
  std::thread reader_;
};

class SaveTransfer final : public Transfer {
 public:
  SaveTransfer(Rig& rig, Executor* executor, std::unique_ptr<Place> place)
      : rig_(rig), executor_(executor), place_(std::move(place)), image_(saved_image(rig, executor)) {}

  TransferTimes run() override {
    const HeldInterrupts held;  // else the file that is not yet whole would stay
    save::SaveSession& session = rig_.machine().vm(0).session();
    const auto sink = place_->open();
    const std::uint64_t start = base::now_ns();
    if (const Status status = session.begin({.executor = executor_}); status != Status::kSuccess) fail("begin", status);
    const io::SendReport report = io::save_to(session, *sink);
    const std::uint64_t sent = base::now_ns();
    session.end(EndMode::kResume);
    const std::uint64_t end = base::now_ns();
    if (report.status != Status::kSuccess) fail("the save or its sink", report.status);
    place_->await(report.bytes);
    return {.ns = sent - start,
            .blackout_ns = end - start,
            .parts = {{"save", report.save_ns}, {"send_rest", report.send_ns - report.save_ns}}};
  }

  std::uint64_t copy() override {
    const HeldInterrupts held;
    const auto sink = place_->open();
    const std::uint64_t start = base::now_ns();
    Status status = sink->write(image_);
    if (status == Status::kSuccess) status = sink->finish();
    const std::uint64_t end = base::now_ns();
    if (status != Status::kSuccess) fail("the copy", status);
    place_->await(image_.size());
    return end - start;
  }

  std::uint64_t image_bytes() const override { return image_.size(); }

  void check() override {
    const auto destination = make_destination(rig_);
    (void)destination->restore(0, place_->arrived(), nullptr);
    expect_restored(rig_, *destination);
  }

 private:
  Rig& rig_;
  Executor* const executor_;
  const std::unique_ptr<Place> place_;
  const std::vector<std::byte> image_;
};

}  // namespace

std::unique_ptr<Transfer> make_save_transfer(Journey journey, Rig& rig, Executor* executor, const std::string& folder) {
  std::unique_ptr<Place> place;
  if (journey == Journey::kToFile) {
    place = std::make_unique<File>(folder);
  } else {
    place = std::make_unique<Socket>();
  }
  return std::make_unique<SaveTransfer>(rig, executor, std::move(place));
}

}  // namespace vmbsave::bench
