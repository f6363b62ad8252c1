#include "restore/stream_batch.hpp"

#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "base/clock.hpp"
#include "restore/channel_restore.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::restore {
namespace {

// What is wrong with a stream, and where in it.
struct StreamFault {
  RestoreFault fault = RestoreFault::kNone;
  Status status = Status::kSuccess;
  std::uint64_t offset = 0;
  std::uint64_t transaction_id = 0;
};

class StreamBatch {
 public:
  StreamBatch(std::span<const StreamSpan> streams, Executor* executor) noexcept
      : streams_(streams), executor_(executor) {}

  // step(number) for each stream; gives its StreamFault. False if one has one.
  template <class Step>
  bool for_each(Step&& step) noexcept {
    struct Work {
      StreamBatch& batch;
      Step& step;
    } work{*this, step};
    const auto body = [](void* context, std::size_t first, std::size_t last) noexcept {
      auto& [batch, one] = *static_cast<Work*>(context);
      for (; first < last; ++first) batch.note(first, guarded(one, first));
    };
    if (executor_ == nullptr) {
      body(&work, 0, streams_.size());
    } else {
      executor_->for_each(streams_.size(), 1, body, &work);
    }
    return report_.status == Status::kSuccess;
  }

  const RestoreReport& report() const noexcept { return report_; }

 private:
  template <class Step>
  static StreamFault guarded(Step& step, std::size_t number) noexcept {
    try {
      return step(number);
    } catch (const std::bad_alloc&) {
      return {.fault = RestoreFault::kNoMemory, .status = restore_fault_status(RestoreFault::kNoMemory)};
    }
  }

  // The lowest channel's fault is the one that is reported.
  void note(std::size_t number, const StreamFault& fault) noexcept {
    if (fault.status == Status::kSuccess) return;
    const std::lock_guard lock(mutex_);
    if (report_.status != Status::kSuccess && report_.channel < number) return;
    report_ = {.status = fault.status,
               .fault = fault.fault,
               .channel = static_cast<std::uint32_t>(number),
               .offset = streams_[number].offset + fault.offset,
               .transaction_id = fault.transaction_id};
  }

  const std::span<const StreamSpan> streams_;
  Executor* const executor_;
  std::mutex mutex_;  // of the report, while streams are worked on
  RestoreReport report_;
};

StreamFault fault_of(const ChannelRestore& restore, Status status) noexcept {
  if (status == Status::kSuccess) return {};
  return {restore.fault(), status, restore.fault_offset(), restore.fault_transaction()};
}

// A stream that is as long as it says asks for no more.
StreamFault check(ChannelRestore& restore, std::span<const std::byte> stream) noexcept {
  const Status status = restore.check(stream);
  if (status != Status::kMoreProcessingRequired) return fault_of(restore, status);
  return {.fault = RestoreFault::kCounts, .status = restore_fault_status(RestoreFault::kCounts)};
}

}  // namespace

RestoreReport restore_streams(std::span<packet::Channel* const> channels, std::span<const StreamSpan> streams,
                              Executor* executor) {
  std::vector<std::unique_ptr<ChannelRestore>> restores;
  restores.reserve(streams.size());
  for (packet::Channel* channel : channels) restores.push_back(std::make_unique<ChannelRestore>(*channel));
  StreamBatch batch(streams, executor);
  const std::uint64_t start = base::now_ns();
  if (!batch.for_each([&](std::size_t i) { return check(*restores[i], streams[i].bytes); })) return batch.report();
  const std::uint64_t check_ns = base::now_ns() - start;
  if (!batch.for_each([&](std::size_t i) { return fault_of(*restores[i], restores[i]->run()); })) {
    // But for one into which something was sent meanwhile: that is nobody's to drop.
    for (std::size_t i = 0; i < channels.size(); ++i) {
      if (restores[i]->fault() != RestoreFault::kInUse) channels[i]->drop_all();
    }
  }
  RestoreReport report = batch.report();
  report.check_ns = check_ns;
  return report;
}

RestoreReport check_streams(std::span<const StreamSpan> streams, Executor* executor) {
  StreamBatch batch(streams, executor);
  (void)batch.for_each([&](std::size_t i) -> StreamFault {
    StreamReader reader;
    RestoreFault fault = reader.take(streams[i].bytes, {});
    if (fault == RestoreFault::kNone && !reader.complete()) fault = RestoreFault::kCounts;
    return {.fault = fault, .status = restore_fault_status(fault), .offset = reader.fault_offset()};
  });
  return batch.report();
}

}  // namespace vmbsave::restore
