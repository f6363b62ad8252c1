#include "unit/wrong_vsp.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "vmbsave/kmcl_ext.h"

namespace vmbsave::test {
namespace {

Fault the_fault = Fault::kNone;

// ---- what it is when nothing is wrong ----------------------------------------------------------------------------

// Every eighth packet has no state; the others have a head and some bytes.
constexpr UINT32 kMostState = 64;
UINT32 state_bytes(UINT64 record) { return record % 8 == 7 ? 0 : 24 + static_cast<UINT32>(record % 7); }
UINT8 state_byte(UINT64 record, UINT32 i) { return static_cast<UINT8>((record * 31 + i * 7) | 1); }

struct Context {
  UINT64 transaction_id;
  UINT32 bytes;
  UINT32 calls;  // of SavePacket
  UINT8 state[kMostState];
};
Context& context_of(VMBPACKET packet) { return *static_cast<Context*>(VmbsPacketGetClientContext(packet)); }

struct Channel {
  const VMBS_VSP_BACKEND* backend;
  VMBPACKET first = nullptr;  // restored, in order, linked by the packets' pointers
  VMBPACKET last = nullptr;
  std::vector<UINT8> lib_buf;  // of the first one
};
Channel& channel_of(VMBCHANNEL channel) { return *static_cast<Channel*>(VmbChannelGetPointer(channel)); }

bool is(Fault fault, const Context& context) { return the_fault == fault && context.transaction_id == kVictim; }

void take_long() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(500);
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Memory that is lost, but found by a sanitizer that looks for it.
void lose_memory() {
  static std::mutex mutex;
  static std::vector<std::unique_ptr<char[]>> lost;
  const std::lock_guard lock(mutex);
  lost.push_back(std::make_unique<char[]>(100));
}

void process_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32, UINT32) {
  Context& context = context_of(packet);
  UINT64 record = 0;
  std::memcpy(&record, buffer, sizeof record);
  context = {record + 1, state_bytes(record), 0, {}};
  for (UINT32 i = 0; i < context.bytes; ++i) context.state[i] = state_byte(record, i);
  const VMBS_VSP_BACKEND& backend = *channel_of(channel).backend;
  backend.submit(backend.context, packet, context.transaction_id);
}

void complete_one(VMBPACKETCOMPLETION packet, NTSTATUS status = STATUS_SUCCESS) {
  UINT64 reply = static_cast<UINT32>(status);
  VmbChannelPacketComplete(packet, &reply, sizeof reply);
}

// ---- SavePacket --------------------------------------------------------------------------------------------------

NTSTATUS save_well(const Context& context, UINT8* save_buf, UINT32 size, UINT32* needed) {
  *needed = context.bytes;
  if (size < context.bytes) return STATUS_BUFFER_TOO_SMALL;
  if (context.bytes != 0) std::memcpy(save_buf, context.state, context.bytes);
  return STATUS_SUCCESS;
}

NTSTATUS size_wrongly(VMBCHANNEL channel, VMBPACKET packet, Context& context, UINT8* save_buf, UINT32* needed) {
  const NTSTATUS status = save_well(context, save_buf, 0, needed);
  switch (the_fault) {
    case Fault::kTouchesSizingBuffer:
      save_buf[3] = static_cast<UINT8>(save_buf[3] ^ 0xFF);
      return status;
    case Fault::kReadsSizingBuffer:
      return static_cast<volatile UINT8*>(save_buf)[0] == 0 ? status : STATUS_BUFFER_TOO_SMALL;
    case Fault::kSucceedsWithNeeded:
      return STATUS_SUCCESS;
    case Fault::kFailsWithoutNeeded:
      *needed = 0;
      return STATUS_UNSUCCESSFUL;
    case Fault::kAsksTooMuch:
      *needed = 0x80000000;
      return status;
    case Fault::kSizesDiffer:
      if (context.calls++ % 2 == 1) *needed += 8;
      return status;
    case Fault::kCompletesInside:
      complete_one(packet);
      return status;
    case Fault::kCallsInside:
      VmbChannelPause(channel);
      return status;
    case Fault::kLoops:
      for (volatile bool on = true; on;) {
      }
      return status;
    default:
      return status;
  }
}

// Two threads inside at once disturb each other. Each waits a little for another one to come.
std::atomic<int> inside{0};
bool meets_another() {
  inside.fetch_add(1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
  bool met = false;
  while (!met && std::chrono::steady_clock::now() < end) met = inside.load() > 1;
  inside.fetch_sub(1);
  return met;
}

void send_something(VMBCHANNEL channel) {
  UINT64 bytes = 0;
  const VMBPACKET packet = VmbPacketAllocate(channel);
  if (packet == nullptr) return;
  if (!NT_SUCCESS(VmbPacketSend(packet, &bytes, sizeof bytes, nullptr, 0))) VmbPacketFree(packet);
}

volatile std::uintptr_t nowhere = 16;  // for the compiler an address like others

void touch(UINT8* at) { *at = static_cast<UINT8>(*at ^ 0xFF); }

// What is written where it must not, or not as it must.
void write_wrongly(const Context& context, UINT8* save_buf, UINT32 size, const UINT8* before) {
  UINT8* const odd = save_buf + kOddByte;
  switch (the_fault) {
    case Fault::kOverruns:
      return touch(save_buf + size);
    case Fault::kUnderruns:
      return touch(save_buf - 1);
    case Fault::kOverrunsFar:
      return touch(save_buf + 8192);
    case Fault::kReadsBehind:
      if (static_cast<volatile UINT8*>(save_buf)[32] == 0) *odd = context.state[kOddByte];
      return;
    case Fault::kLeavesBytes:
      std::memcpy(odd, before, 2);
      return;
    case Fault::kReadsBuffer:
      *odd = static_cast<UINT8>(before[0] + 1);
      return;
    case Fault::kSavesAddress:
      *odd = static_cast<UINT8>(reinterpret_cast<std::uintptr_t>(save_buf) >> 4);
      return;
    default:
      return;
  }
}

NTSTATUS save_wrongly(VMBCHANNEL channel, Context& context, UINT8* save_buf, UINT32 size, UINT32* needed) {
  UINT8 before[2];
  std::memcpy(before, save_buf + kOddByte, sizeof before);
  UINT32 bytes = 0;
  const NTSTATUS status = save_well(context, save_buf, size, &bytes);
  if (the_fault == Fault::kLeavesNeededUnset) return status;
  *needed = bytes;
  switch (the_fault) {
    case Fault::kClaimsMore:
      *needed = size + 8;
      return status;
    case Fault::kShrinks:
      *needed -= 4;
      return status;
    case Fault::kGrows:
      *needed = size + 8;
      return STATUS_BUFFER_TOO_SMALL;
    case Fault::kSecondCallFails:
      return STATUS_UNSUCCESSFUL;
    case Fault::kPends:
      return STATUS_PENDING;
    case Fault::kThrows:
      throw 7;
    case Fault::kUnlikeResults:
      save_buf[kOddByte] = static_cast<UINT8>(context.calls++);
      return status;
    case Fault::kUnlikeAtTimes:
      if (++context.calls == 4) touch(save_buf + kOddByte);
      return status;
    case Fault::kWantsExactBuffer:
      return size == bytes ? status : STATUS_UNSUCCESSFUL;
    case Fault::kTakesCapacity:
      *needed = size;
      return status;
    case Fault::kSendsInside:
      send_something(channel);
      return status;
    case Fault::kTakesLong:
      take_long();
      return status;
    case Fault::kCrashes:
      touch(reinterpret_cast<UINT8*>(nowhere));
      return status;
    case Fault::kAborts:
      std::abort();
    case Fault::kExits:
      std::_Exit(3);
    default:
      write_wrongly(context, save_buf, size, before);
      return status;
  }
}

UINT64 saved_so_far = 0;

NTSTATUS save_packet(VMBCHANNEL channel, VMBPACKET packet, PVOID save_buf, UINT32 size, PUINT32 needed) {
  Context& context = context_of(packet);
  auto* const bytes = static_cast<UINT8*>(save_buf);
  if (context.transaction_id == kVictim) {
    return size == 0 ? size_wrongly(channel, packet, context, bytes, needed)
                     : save_wrongly(channel, context, bytes, size, needed);
  }
  const NTSTATUS status = save_well(context, bytes, size, needed);
  if (size == 0) return status;
  if (the_fault == Fault::kLeaksWhenSaving) lose_memory();
  if (the_fault == Fault::kRaces) ++saved_so_far;
  if (the_fault == Fault::kNotThreadSafe && meets_another()) touch(bytes + kOddByte);
  return status;
}

// ---- RestorePacket -----------------------------------------------------------------------------------------------

void append(Channel& self, VMBPACKET packet) {
  VmbPacketSetPointer(packet, nullptr);
  if (self.first == nullptr) {
    self.first = packet;
  } else {
    VmbPacketSetPointer(self.last, packet);
  }
  self.last = packet;
}

// Once the packet is restored.
NTSTATUS end_wrongly(VMBCHANNEL channel, VMBPACKET packet, UINT8* lib_buf, UINT32 lib_bytes, UINT8* save_buf,
                     UINT32 bytes) {
  switch (the_fault) {
    case Fault::kRestoresTwice:
      (void)VmbPacketRestore(packet, lib_buf, lib_bytes);
      return STATUS_SUCCESS;
    case Fault::kWritesLibBuf:
      touch(lib_buf + 3);
      return STATUS_SUCCESS;
    case Fault::kWritesSaveBuf:
      touch(save_buf + 3);
      return STATUS_SUCCESS;
    case Fault::kOverrunsSaveBuf:
      touch(save_buf + bytes);
      return STATUS_SUCCESS;
    case Fault::kReadsBehindSaveBuf:
      return static_cast<volatile UINT8*>(save_buf)[32] == 0 ? STATUS_SUCCESS : 0x40000000;
    case Fault::kRestorePends:
      return STATUS_PENDING;
    case Fault::kRestoreThrows:
      throw 7;
    case Fault::kCompletesInRestore:
      complete_one(packet);
      return STATUS_SUCCESS;
    case Fault::kSendsInRestore:
      send_something(channel);
      return STATUS_SUCCESS;
    case Fault::kLeaksPackets:
      (void)VmbPacketAllocate(channel);
      return STATUS_SUCCESS;
    case Fault::kRestoreTakesLong:
      take_long();
      return STATUS_SUCCESS;
    default:
      return STATUS_SUCCESS;
  }
}

void fill(Context& context, const UINT8* save_buf, UINT32 bytes) {
  context.bytes = bytes;
  std::memcpy(context.state, save_buf, bytes);
}

NTSTATUS restore_packet(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_bytes, PVOID save_buf, UINT32 bytes) {
  Channel& self = channel_of(channel);
  auto* const lib = static_cast<UINT8*>(lib_buf);
  auto* const state = static_cast<UINT8*>(save_buf);
  UINT64 transaction_id = 0;  // where this library keeps it
  std::memcpy(&transaction_id, lib, sizeof transaction_id);
  const bool is_victim = transaction_id == kVictim;
  if (bytes > kMostState) return STATUS_INVALID_PARAMETER;
  if (is_victim && the_fault == Fault::kRefusesOwnState) return STATUS_UNSUCCESSFUL;
  if (is_victim && the_fault == Fault::kForgetsRestore) return STATUS_SUCCESS;
  if (the_fault == Fault::kLeaksWhenRestoring) lose_memory();
  if (self.lib_buf.empty()) self.lib_buf.assign(lib, lib + lib_bytes);
  const VMBPACKET packet = VmbPacketAllocate(channel);
  if (packet == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  Context& context = context_of(packet);
  fill(context, state, bytes);
  context.transaction_id = transaction_id;
  if (is(Fault::kLosesState, context)) context.state[kOddByte] = 0;
  const bool is_foreign = is(Fault::kForeignLibBuf, context);
  const NTSTATUS status = VmbPacketRestore(packet, is_foreign ? self.lib_buf.data() : lib, lib_bytes);
  if (!NT_SUCCESS(status)) {
    VmbPacketFree(packet);
    return status;
  }
  append(self, packet);
  return is_victim ? end_wrongly(channel, packet, lib, lib_bytes, state, bytes) : STATUS_SUCCESS;
}

void reissue(VMBCHANNEL channel) {
  Channel& self = channel_of(channel);
  while (self.first != nullptr) {
    const VMBPACKET packet = self.first;
    self.first = static_cast<VMBPACKET>(VmbPacketGetPointer(packet));
    if (is(Fault::kForgetsRequest, context_of(packet))) continue;
    self.backend->submit(self.backend->context, packet, context_of(packet).transaction_id);
  }
}

// ---- the description ---------------------------------------------------------------------------------------------

VMBPACKET kept = nullptr;  // the first packet that was completed

// What the completion of the packet says of it; the victim's is a failure.
NTSTATUS told(const Context& context, NTSTATUS status) {
  if (is(Fault::kTellsSuccess, context)) return STATUS_SUCCESS;
  const bool is_next = context.transaction_id == kVictim + 1;
  return is_next && the_fault == Fault::kTellsFailure ? STATUS_UNSUCCESSFUL : status;
}

void complete(VMBPACKETCOMPLETION packet, NTSTATUS status) {
  const bool is_victim = context_of(packet).transaction_id == kVictim;
  const bool is_late = context_of(packet).transaction_id > 32;
  if (is_victim && the_fault == Fault::kNeverCompletes) return;
  if (the_fault == Fault::kForgetsTooEarly) context_of(packet).bytes = 0;
  if (is_victim && the_fault == Fault::kTellsNothing) return VmbChannelPacketComplete(packet, nullptr, 0);
  complete_one(packet, told(context_of(packet), status));
  if (is_victim && the_fault == Fault::kCompletesTwice) complete_one(packet);
  if (the_fault != Fault::kCompletesRecycled) return;
  if (kept == nullptr) {
    kept = packet;
  } else if (is_late) {
    complete_one(kept);
  }
}

NTSTATUS configure(VMBCHANNEL channel, const VMBS_VSP_BACKEND* backend) {
  (void)VmbChannelInitSetClientContextSize(channel, sizeof(Context));
  (void)VmbChannelInitSetMaximumPacketSize(channel, 16);
  (void)VmbChannelInitSetProcessPacketCallbacks(channel, process_packet, nullptr);
  (void)VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, save_packet, restore_packet);
  VmbChannelSetPointer(channel, new Channel{backend, nullptr, nullptr, {}});
  return STATUS_SUCCESS;
}

void release(VMBCHANNEL channel) { delete &channel_of(channel); }

NTSTATUS encode(VOID*, const VMBS_VSP_REQUEST* request, VMBS_VSP_PACKET* packet) {
  std::memcpy(packet->bytes, &request->record, sizeof request->record);
  packet->length = sizeof request->record;
  return STATUS_SUCCESS;
}

NTSTATUS outcome(const UINT8* bytes, UINT32 length, NTSTATUS* status) {
  UINT64 reply = 0;
  if (length != sizeof reply) return STATUS_INVALID_PARAMETER;
  std::memcpy(&reply, bytes, sizeof reply);
  *status = static_cast<NTSTATUS>(reply);
  return STATUS_SUCCESS;
}

UINT32 reference_state(const VMBS_VSP_REQUEST* request, UINT8* out) {
  for (UINT32 i = 0; i < state_bytes(request->record); ++i) out[i] = state_byte(request->record, i);
  if (the_fault == Fault::kUnlikeReference && request->record + 1 == kVictim) touch(out + kOddByte);
  if (the_fault == Fault::kReferenceOverruns && request->record + 1 == kVictim) touch(out + kMostState);
  return state_bytes(request->record);
}

constexpr VMBS_VSP kWrong{.version = VMBS_VSP_VERSION,
                          .size = sizeof(VMBS_VSP),
                          .name = "wrong",
                          .max_state_bytes = kMostState,
                          .concurrent_callbacks = 1,
                          .create_device = nullptr,
                          .destroy_device = nullptr,
                          .configure = configure,
                          .complete = complete,
                          .settle = nullptr,
                          .deliver = nullptr,
                          .reissue = reissue,
                          .release = release,
                          .encode = encode,
                          .retire = nullptr,
                          .outcome = outcome,
                          .accept = nullptr,
                          .answer = nullptr,
                          .reference_state = reference_state};

}  // namespace

const VMBS_VSP* wrong_vsp(Fault fault) {
  the_fault = fault;
  kept = nullptr;
  return &kWrong;
}

Fault fault_named(const char* name) {
  struct Named {
    std::string_view name;
    Fault fault;
  };
  static constexpr Named kNamed[] = {{"touches_sizing_buffer", Fault::kTouchesSizingBuffer},
                                     {"reads_sizing_buffer", Fault::kReadsSizingBuffer},
                                     {"loops", Fault::kLoops},
                                     {"overruns", Fault::kOverruns},
                                     {"overruns_far", Fault::kOverrunsFar},
                                     {"reads_behind", Fault::kReadsBehind},
                                     {"reads_behind_save_buf", Fault::kReadsBehindSaveBuf},
                                     {"leaves_bytes", Fault::kLeavesBytes},
                                     {"loses_state", Fault::kLosesState},
                                     {"races", Fault::kRaces},
                                     {"takes_long", Fault::kTakesLong},
                                     {"crashes", Fault::kCrashes},
                                     {"aborts", Fault::kAborts},
                                     {"exits", Fault::kExits}};
  for (const Named& named : kNamed) {
    if (name != nullptr && named.name == name) return named.fault;
  }
  return Fault::kNone;
}

}  // namespace vmbsave::test
