#include "restore/image_restore.hpp"

#include <new>

#include "base/clock.hpp"
#include "restore/image_layout.hpp"
#include "restore/stream_batch.hpp"

namespace vmbsave::restore {
namespace {

RestoreReport report_of(RestoreFault fault) noexcept { return {.status = restore_fault_status(fault), .fault = fault}; }

// Reads the layout; work(streams) then gives the report.
template <class Work>
RestoreReport read_image(std::span<const std::byte> image, std::uint64_t max_bytes, Work&& work) {
  ImageLayout layout;
  if (const RestoreFault fault = layout.read(image, max_bytes); fault != RestoreFault::kNone) {
    RestoreReport report = report_of(fault);
    report.channel = layout.fault_channel();
    report.offset = layout.fault_offset();
    return report;
  }
  RestoreReport report = work(layout.streams());
  if (report.status == Status::kSuccess) report.packets = layout.packets();
  return report;
}

template <class Work>
RestoreReport timed(Work&& work) noexcept {
  const std::uint64_t start = base::now_ns();
  RestoreReport report;
  try {
    report = work();
  } catch (const std::bad_alloc&) {
    report = report_of(RestoreFault::kNoMemory);
  }
  report.restore_ns = base::now_ns() - start;
  return report;
}

}  // namespace

RestoreReport restore_image(packet::Vm& vm, std::span<const std::byte> image, const RestoreOptions& options) noexcept {
  if (!vm.control().try_enter()) return report_of(RestoreFault::kBusy);
  const RestoreReport report = timed([&] {
    return read_image(image, options.max_bytes, [&](std::span<const StreamSpan> streams) {
      if (streams.size() != vm.channels().size()) return report_of(RestoreFault::kChannels);
      return restore_streams(vm.channels(), streams, options.executor);
    });
  });
  vm.control().leave();
  return report;
}

RestoreReport check_image(std::span<const std::byte> image, const RestoreOptions& options) noexcept {
  return timed([&] {
    return read_image(image, options.max_bytes,
                      [&](std::span<const StreamSpan> streams) { return check_streams(streams, options.executor); });
  });
}

}  // namespace vmbsave::restore
