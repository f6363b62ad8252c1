#include "vmbsave/guest.hpp"

#include <algorithm>
#include <new>

#include "guest/host_end.hpp"
#include "guest/ring_reader.hpp"
#include "guest/ring_writer.hpp"
#include "guest/signals.hpp"
#include "mem/mapping.hpp"

namespace vmbsave::guest {
namespace {

constexpr std::uint32_t kMinPages = 2;
constexpr std::uint32_t kMaxPages = 65'536;

bool is_page_count(std::uint32_t pages) noexcept { return pages >= kMinPages && pages <= kMaxPages; }

bool is_sound(const GpaRange& range) noexcept {
  return range.byte_count != 0 && range.byte_offset < kPageBytes &&
         range.page_numbers.size() == gpa_page_count(range.byte_count, range.byte_offset);
}

// A ring's pages, and the private copies of its packets that its reader makes.
struct RingMemory {
  mem::Mapping pages;
  mem::Mapping copy;

  bool reserve(std::uint32_t count) noexcept {
    pages = mem::Mapping::reserve(std::size_t{count} * kPageBytes);
    if (!pages) return false;
    Ring::format(span());
    copy = mem::Mapping::reserve(RingReader::copy_bytes(ring()));
    return static_cast<bool>(copy);
  }
  std::span<std::byte> span() const noexcept { return {pages.data(), pages.size()}; }
  Ring ring() const noexcept { return Ring(span()); }
  RingReader reader() const noexcept { return RingReader(ring(), {copy.data(), copy.size()}); }
};

}  // namespace

#pragma GCC visibility push(hidden)  // Guest is exported, and what it is made of is not
struct Guest::Impl {
  Impl(RingMemory to_host_memory, RingMemory to_guest_memory, bool external_data_pending) noexcept
      : to_host(std::move(to_host_memory)),
        to_guest(std::move(to_guest_memory)),
        writer(to_host.ring()),
        reader(to_guest.reader()),
        host(to_host.reader(), to_guest.ring(), writer, signals, external_data_pending) {}

  bool send(const OutgoingPacket& packet) noexcept {
    const PutResult result = writer.put(packet);
    if (result.signal_reader) signals.signal_host();
    return result.status == PutResult::Status::kWritten;
  }

  void forget_channel() noexcept {
    channel.store_relaxed(nullptr);
    (void)host.attach();  // nothing is set aside any more; what the indices say is looked at by the next open
  }

  RingMemory to_host;
  RingMemory to_guest;
  Signals signals;
  RingWriter writer;
  RingReader reader;
  HostEnd host;
  base::Atomic<VMBCHANNEL> channel{nullptr};
  bool malformed = false;
};
#pragma GCC visibility pop

Guest::Guest(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Guest::~Guest() = default;

std::unique_ptr<Guest> Guest::create(const Options& options) noexcept {
  if (!is_page_count(options.to_host_pages) || !is_page_count(options.to_guest_pages)) return nullptr;
  RingMemory to_host;
  RingMemory to_guest;
  if (!to_host.reserve(options.to_host_pages) || !to_guest.reserve(options.to_guest_pages)) return nullptr;
  std::unique_ptr<Impl> impl(new (std::nothrow)
                                 Impl(std::move(to_host), std::move(to_guest), options.external_data_pending));
  if (impl == nullptr || !impl->writer.attach() || !impl->reader.attach()) return nullptr;
  return std::unique_ptr<Guest>(new (std::nothrow) Guest(std::move(impl)));
}

NTSTATUS Guest::open(VMBCHANNEL channel) noexcept {
  if (impl_->channel.load_relaxed() != nullptr) return STATUS_INVALID_DEVICE_STATE;
  if (!impl_->host.attach()) return STATUS_DATA_ERROR;
  impl_->signals.take_host_signal();  // it was for the channel before
  // [attach] before it opens, as its first Wake comes from inside
  impl_->channel.store_release(channel);
  const VMBS_TRANSPORT transport = HostEnd::transport();
  const NTSTATUS status = VmbsChannelOpen(channel, &transport, &impl_->host);
  if (!NT_SUCCESS(status)) impl_->forget_channel();
  return status;
}

NTSTATUS Guest::close() noexcept {
  const VMBCHANNEL channel = impl_->channel.load_relaxed();
  if (channel == nullptr) return STATUS_INVALID_DEVICE_STATE;
  const NTSTATUS status = VmbsChannelClose(channel);
  if (NT_SUCCESS(status)) impl_->forget_channel();
  return status;
}

void Guest::detach() noexcept {
  if (impl_->channel.load_relaxed() != nullptr) impl_->forget_channel();
}

bool Guest::send(std::uint64_t transaction_id, std::span<const std::byte> payload, bool completion_requested) noexcept {
  return impl_->send(
      {.completion_requested = completion_requested, .transaction_id = transaction_id, .payload = payload});
}

bool Guest::send_external(std::uint64_t transaction_id, std::span<const std::byte> payload,
                          std::span<const GpaRange> ranges, bool completion_requested) noexcept {
  if (ranges.empty() || !std::all_of(ranges.begin(), ranges.end(), is_sound)) return false;
  return impl_->send({.type = PacketType::kDataUsingGpaDirect,
                      .completion_requested = completion_requested,
                      .transaction_id = transaction_id,
                      .payload = payload,
                      .ranges = ranges});
}

bool Guest::complete(std::uint64_t transaction_id, std::span<const std::byte> payload) noexcept {
  return impl_->send({.type = PacketType::kCompletion, .transaction_id = transaction_id, .payload = payload});
}

NTSTATUS Guest::signal(std::uint32_t maximum_packets, std::uint32_t* processed) noexcept {
  if (processed != nullptr) *processed = 0;
  impl_->signals.take_host_signal();
  // [attach]
  const VMBCHANNEL channel = impl_->channel.load_acquire();
  if (channel == nullptr) return STATUS_INVALID_DEVICE_STATE;
  UINT32 taken = 0;
  const NTSTATUS status = VmbsChannelProcessIncoming(channel, maximum_packets, &taken);
  if (processed != nullptr) *processed = taken;
  const bool more = status == STATUS_MORE_ENTRIES || status == STATUS_UNHANDLED_EXCEPTION;
  if (more) impl_->signals.signal_host();
  return status;
}

std::optional<Received> Guest::receive() noexcept {
  ParsedPacket packet;
  const PeekStatus status = impl_->reader.peek(packet);
  const bool is_completion = packet.type == PacketType::kCompletion;
  impl_->malformed = status == PeekStatus::kMalformed ||
                     (status == PeekStatus::kPacket && !is_completion && packet.type != PacketType::kDataInBand);
  if (status == PeekStatus::kEmpty || impl_->malformed) return std::nullopt;
  if (impl_->reader.consume() && impl_->host.writer().room_came()) impl_->signals.signal_host();
  return Received{.kind = is_completion ? Received::Kind::kCompletion : Received::Kind::kData,
                  .transaction_id = packet.transaction_id,
                  .completion_requested = packet.completion_requested && !is_completion,
                  .payload = packet.payload};
}

bool Guest::malformed() const noexcept { return impl_->malformed; }

void Guest::on_interrupt(std::function<void()> hook) { impl_->signals.on_interrupt(std::move(hook)); }

void Guest::on_host_work(std::function<void()> hook) { impl_->signals.on_host_work(std::move(hook)); }

bool Guest::host_work_due() const noexcept { return impl_->signals.host_due(); }

Guest::Counters Guest::counters() const noexcept {
  return {.to_host_free = impl_->writer.free_bytes(),
          .to_guest_free = impl_->host.writer().free_bytes(),
          .to_guest_reserved = impl_->host.writer().reserved_bytes(),
          .interrupts = impl_->signals.interrupts(),
          .host_signals = impl_->signals.host_signals()};
}

std::span<std::byte> Guest::to_host_memory() const noexcept { return impl_->to_host.span(); }

std::span<std::byte> Guest::to_guest_memory() const noexcept { return impl_->to_guest.span(); }

}  // namespace vmbsave::guest
