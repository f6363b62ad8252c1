#include "vsp/blob/blob.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "vmbsave/kmcl_ext.h"
#include "vsp/blob/reference.hpp"
#include "vsp/blob/wire.hpp"
#include "vsp/vsp_channel.hpp"

namespace vmbsave::blob {
namespace {

// At the start of a packet's client context; the state follows. Written before the request goes to the backend and only
// read from then on, so that a save may look at it while the backend completes the packet.
struct Context {
  std::uint64_t transaction_id;
  std::uint32_t bytes;        // of what is saved; 0: the packet has no state
  std::uint32_t callback_ns;  // what each SavePacket call takes longer; kMalformed: no request is behind the packet

  std::byte* state() { return reinterpret_cast<std::byte*>(this + 1); }
  const std::byte* state() const { return reinterpret_cast<const std::byte*>(this + 1); }
};
static_assert(sizeof(Context) == VMBS_BLOB_STATE_OFFSET);

constexpr std::uint32_t kMalformed = 0xFFFFFFFF;

Context& context_of(VMBPACKET packet) { return *static_cast<Context*>(VmbsPacketGetClientContext(packet)); }

bool is_malformed(const Context& context) { return context.callback_ns == kMalformed; }

// What a save keeps of a malformed packet is one byte that is no request's state: the destination, too, must answer it.
constexpr std::byte mark_of(std::uint64_t record) { return ~std::byte(state_word(record, 0) & 0xFF); }

// f(offset, word, bytes of it) for each word of a state. Whole words apart, so that the compiler takes several at once.
template <class Function>
void for_each_word(std::uint64_t record, std::uint32_t bytes, Function&& f) {
  constexpr std::uint32_t kWord = sizeof(std::uint64_t);
  const std::uint32_t whole = bytes / kWord;
  std::uint64_t word = first_state_word(record);
  for (std::uint32_t i = 0; i < whole; ++i, word += kStateStep) f(i * kWord, word, std::size_t{kWord});
  if (bytes % kWord != 0) f(whole * kWord, word, std::size_t{bytes % kWord});
}

// ---- completion --------------------------------------------------------------------------------------------------

// The last use of a packet: its context may belong to another request as soon as this returns.
void complete(VMBPACKETCOMPLETION packet, NTSTATUS status) {
  const Context& context = context_of(packet);
  Reply reply{status, is_malformed(context) ? 0 : context.bytes};
  VmbChannelPacketComplete(packet, &reply, sizeof(reply));
}

void start(const bench::VspChannel& self, VMBPACKET packet) {
  const Context& context = context_of(packet);
  if (is_malformed(context)) {
    complete(packet, STATUS_INVALID_PARAMETER);
  } else {
    self.backend.submit(self.backend.context, packet, context.transaction_id);
  }
}

// ---- callbacks ---------------------------------------------------------------------------------------------------

// What a guest's packet asks for; false: it is malformed.
bool read_request(const Context& context, const void* buffer, UINT32 length, UINT32 flags, std::uint32_t capacity,
                  Request& request) {
  if (length != sizeof(request) || (flags & VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA) != 0) return false;
  std::memcpy(&request, buffer, sizeof(request));
  return request.record + 1 == context.transaction_id && request.bytes <= capacity &&
         request.callback_ns <= kLongestCallbackNs;
}

void fill(Context& context, const Request& request) {
  context.bytes = request.bytes;
  context.callback_ns = request.callback_ns;
  for_each_word(request.record, request.bytes, [&](std::uint32_t at, std::uint64_t word, std::size_t bytes) {
    std::memcpy(context.state() + at, &word, bytes);
  });
}

void mark_malformed(Context& context) {
  context.bytes = 1;
  context.callback_ns = kMalformed;
  *context.state() = mark_of(context.transaction_id - 1);
}

template <std::uint32_t kCapacity>
void process_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32 length, UINT32 flags) {
  Context& context = context_of(packet);
  context.transaction_id = VmbsPacketGetTransactionId(packet);
  Request request;
  if (read_request(context, buffer, length, flags, kCapacity, request)) {
    fill(context, request);
  } else {
    mark_malformed(context);
  }
  start(bench::vsp_channel(channel), packet);
}

[[gnu::noinline, gnu::cold]] void take_longer(const Context& context) {
  using Clock = std::chrono::steady_clock;
  if (is_malformed(context)) return;
  const Clock::time_point end = Clock::now() + std::chrono::nanoseconds(context.callback_ns);
  while (Clock::now() < end) {
  }
}

// The hot path of a save.
NTSTATUS save_packet(VMBCHANNEL, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size, PUINT32 bytes_needed) {
  const Context& context = context_of(packet);
  if (context.callback_ns != 0) [[unlikely]]
    take_longer(context);
  *bytes_needed = context.bytes;
  if (context.bytes > save_buf_size) return STATUS_BUFFER_TOO_SMALL;
  std::memcpy(save_buf, context.state(), context.bytes);
  return STATUS_SUCCESS;
}

// The library's copy: by itself the compiler moves what it knows to be short with a string instruction, which costs a
// restore more than the state does.
[[gnu::noinline]] void copy_state(std::byte* to, const void* from, std::uint32_t bytes) {
  std::memcpy(to, from, bytes);
}

// Transaction id and state say the same record: a difference means that states were mixed up or damaged. Looks at what
// was saved: what was just copied is on its way to memory.
bool is_own_state(Context& context, const std::byte* saved) {
  if (context.bytes == 1 && *saved == mark_of(context.transaction_id - 1)) {
    mark_malformed(context);
    return true;
  }
  std::uint64_t difference = 0;  // no branch a word: a restore's time is to be the engine's
  for_each_word(context.transaction_id - 1, context.bytes,
                [&](std::uint32_t at, std::uint64_t word, std::size_t bytes) {
                  std::uint64_t found = word;
                  std::memcpy(&found, saved + at, bytes);
                  difference |= found ^ word;
                });
  return difference == 0;
}

template <std::uint32_t kCapacity>
NTSTATUS restore_packet(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_buf_size, PVOID save_buf, UINT32 save_buf_size) {
  const auto read = [&](VMBPACKET packet) {
    Context& context = context_of(packet);
    if (save_buf_size > kCapacity) return false;
    context.bytes = save_buf_size;
    context.callback_ns = 0;
    copy_state(context.state(), save_buf, save_buf_size);
    return true;
  };
  const auto is_own = [&](VMBPACKET packet) {
    Context& context = context_of(packet);
    context.transaction_id = VmbsPacketGetTransactionId(packet);
    return is_own_state(context, static_cast<const std::byte*>(save_buf));
  };
  return bench::vsp_channel(channel).restored.restore(channel, lib_buf, lib_buf_size, read, is_own);
}

// ---- life of a channel -------------------------------------------------------------------------------------------

// No packet comes with external data; 0 is not a size that the library takes.
constexpr std::uint32_t kLeastExternalBytes = 1;

template <std::uint32_t kCapacity, bool kConcurrent>
NTSTATUS configure(VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend) {
  return bench::configure_channel(channel, *backend,
                                  {.context_bytes = static_cast<UINT32>(sizeof(Context)) + kCapacity,
                                   .packet_bytes = sizeof(Request),
                                   .external_bytes = kLeastExternalBytes,
                                   .process_packet = process_packet<kCapacity>,
                                   .save_packet = save_packet,
                                   .restore_packet = restore_packet<kCapacity>,
                                   .concurrent_callbacks = kConcurrent});
}

// ---- the guest's side --------------------------------------------------------------------------------------------

template <std::uint32_t kCapacity>
NTSTATUS encode(VOID*, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet) {
  if (request->bytes > kCapacity || request->callback_ns > kLongestCallbackNs) return STATUS_INVALID_PARAMETER;
  const Request blob{request->record, request->bytes, request->callback_ns};
  std::memcpy(packet->bytes, &blob, sizeof(blob));
  packet->length = sizeof(blob);
  packet->held = 0;
  packet->range_count = 0;
  return STATUS_SUCCESS;
}

NTSTATUS outcome(const UINT8* bytes, UINT32 length, NTSTATUS* status) {
  if (length != sizeof(Reply)) return STATUS_INVALID_PARAMETER;
  Reply reply;
  std::memcpy(&reply, bytes, sizeof(reply));
  *status = reply.status;
  return STATUS_SUCCESS;
}

template <std::uint32_t kCapacity>
UINT32 reference_state(const VMBS_VSP_REQUEST* request, UINT8* out) {
  if (request->bytes > kCapacity) return 0;
  write_reference(*request, out);
  return request->bytes;
}

template <std::uint32_t kCapacity, bool kConcurrent>
constexpr VMBS_VSP kBlob{
    .version = VMBS_VSP_VERSION,
    .size = sizeof(VMBS_VSP),
    .name = "blob",
    .max_state_bytes = kCapacity,
    .concurrent_callbacks = kConcurrent ? 1 : 0,
    .create_device = nullptr,
    .destroy_device = nullptr,
    .configure = configure<kCapacity, kConcurrent>,
    .complete = complete,
    .settle = nullptr,
    .deliver = nullptr,
    .reissue = bench::reissue<start>,
    .release = bench::release,
    .encode = encode<kCapacity>,
    .retire = nullptr,
    .outcome = outcome,
    .accept = nullptr,
    .answer = nullptr,
    .reference_state = reference_state<kCapacity>,
};

template <bool kConcurrent>
constexpr std::array<const VMBS_VSP*, 6> kBlobs = {&kBlob<32, kConcurrent>,   &kBlob<272, kConcurrent>,
                                                   &kBlob<624, kConcurrent>,  &kBlob<4096, kConcurrent>,
                                                   &kBlob<4224, kConcurrent>, &kBlob<16384, kConcurrent>};

}  // namespace
}  // namespace vmbsave::blob

const VMBS_VSP* vmbs_vsp_blob(UINT32 max_state_bytes, int concurrent_callbacks) {
  using vmbsave::blob::kBlobs;
  for (const VMBS_VSP* vsp : concurrent_callbacks != 0 ? kBlobs<true> : kBlobs<false>) {
    if (vsp->max_state_bytes >= max_state_bytes) return vsp;
  }
  return nullptr;
}
