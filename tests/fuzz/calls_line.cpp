#include "fuzz/calls_line.hpp"

#include "base/bytes.hpp"
#include "image/format.hpp"

namespace vmbsave::fuzz {
namespace {

constexpr UINT32 kQuota = 8;
constexpr UINT32 kSends = 3;
constexpr UINT32 kPacketBytes = 64;

Request& request_of(VMBPACKET packet) { return *static_cast<Request*>(VmbsPacketGetClientContext(packet)); }

UINT8 state_byte(UINT64 id, UINT32 i) { return static_cast<UINT8>(id * 31 + i * 7 + 1); }

image::LibBuf lib_of(PVOID lib_buf, UINT32 lib_size) {
  image::LibBuf lib;
  require(lib_size >= sizeof lib && base::is_aligned(lib_buf, 16), "a LibBuf is whole and aligned");
  std::memcpy(&lib, lib_buf, sizeof lib);
  return lib;
}

}  // namespace

CallsLine::CallsLine(PDEVICE_OBJECT parent) {
  bool made = VmbChannelAllocate(parent, 1, &channel) == STATUS_SUCCESS;
  made &= VmbChannelInitSetClientContextSize(channel, sizeof(Request)) == STATUS_SUCCESS;
  made &= VmbChannelInitSetMaximumPacketSize(channel, kPacketBytes) == STATUS_SUCCESS;
  made &= VmbChannelInitSetProcessPacketCallbacks(channel, on_process, nullptr) == STATUS_SUCCESS;
  made &= VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, on_save, on_restore) == STATUS_SUCCESS;
  made &= VmbsChannelInitSetMaximumSends(channel, kSends) == STATUS_SUCCESS;
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS changes;
  VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&changes);
  changes.EvtChannelSuspend = [](VMBCHANNEL c) { self(c).complete_all(); };  // which whoever suspends waits for
  made &= VmbChannelInitSetStateChangeCallbacks(channel, &changes) == STATUS_SUCCESS;
  require(made, "a channel is made");
  VmbChannelSetTransactionQuota(channel, kQuota);
  VmbChannelSetPointer(channel, this);
}

CallsLine::~CallsLine() {
  if (channel != nullptr) VmbChannelCleanup(channel);
}

// ---- the VSP ----

void CallsLine::complete(std::size_t i) {
  const InUse done = incoming_[i];
  incoming_.erase(incoming_.begin() + static_cast<std::ptrdiff_t>(i));
  if (done.wants_completion && open) guest.expect(done.id);
  if (done.wants_completion && !open) held_.push_back(done.id);
  UINT8 result[8] = {};
  VmbChannelPacketComplete(done.packet, result, sizeof result);
}

void CallsLine::fail(std::size_t i) {
  if (!open) return;  // a misuse without effect
  const InUse done = incoming_[i];
  incoming_.erase(incoming_.begin() + static_cast<std::ptrdiff_t>(i));
  VmbChannelPacketFail(done.packet);
}

void CallsLine::complete_all() {
  while (!incoming_.empty()) complete(0);
}

NTSTATUS CallsLine::send(UINT32 bytes, UINT32 flags, const Request& request) {
  const VMBPACKET packet = VmbPacketAllocate(channel);
  if (packet == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  request_of(packet) = request;
  VmbPacketSetCompletionRoutine(packet, on_ended);
  outgoing_.push_back({packet, 0, false});
  std::vector<UINT8> payload(bytes, 0x55);
  const NTSTATUS status = VmbPacketSend(packet, payload.data(), bytes, nullptr, flags);
  const auto sent =
      std::find_if(outgoing_.begin(), outgoing_.end(), [&](const InUse& p) { return p.packet == packet; });
  if (status != STATUS_SUCCESS) {
    outgoing_.erase(sent);
    VmbPacketFree(packet);
  } else if (sent != outgoing_.end()) {  // else its transaction is over already
    sent->id = VmbsPacketGetTransactionId(packet);
  }
  return status;
}

std::set<PacketId> CallsLine::in_use() const {
  std::set<PacketId> ids;
  for (const InUse& packet : incoming_) require(ids.emplace(0, packet.id).second, "no packet is in use twice");
  for (const InUse& packet : outgoing_) require(ids.emplace(1, packet.id).second, "no sent packet is in use twice");
  for (const UINT64 id : held_) ids.emplace(0, id);
  return ids;
}

VOID CallsLine::on_process(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32 length, UINT32) {
  require(length == sizeof(Request), "a packet arrives whole");
  std::memcpy(&request_of(packet), buffer, sizeof(Request));
  const UINT64 id = VmbsPacketGetTransactionId(packet);
  self(channel).incoming_.push_back({packet, id, id % 4 != 0});  // as the guest has asked
}

VOID CallsLine::on_ended(VMBPACKET packet, NTSTATUS status, PVOID, UINT32) {
  require_one_of(status, {STATUS_SUCCESS, STATUS_CANCELLED}, "a transaction ends with a documented status");
  CallsLine& line = self(VmbPacketGetChannel(packet));
  require(std::erase_if(line.outgoing_, [&](const InUse& p) { return p.packet == packet; }) == 1, "it ends once");
  VmbPacketFree(packet);
}

NTSTATUS CallsLine::on_save(VMBCHANNEL, VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
  require(buf != nullptr && base::is_aligned(buf, 16), "SaveBuf is aligned");
  const Request& request = request_of(packet);
  if (request.mood == kThrows) throw 1;
  if (request.mood == kPends) return STATUS_PENDING;
  if (request.mood == kFailsWithoutSize) return STATUS_UNSUCCESSFUL;
  if (request.state_bytes == 0) return STATUS_SUCCESS;
  *needed = request.state_bytes;
  if (size == 0) return STATUS_BUFFER_TOO_SMALL;
  require(size >= request.state_bytes, "the second call has the room that was asked for");
  if (request.mood == kFailsAgain) return STATUS_UNSUCCESSFUL;
  if (request.mood == kGrows) *needed = size + 16;
  if (request.mood == kGrows) return STATUS_BUFFER_TOO_SMALL;
  if (request.mood == kShrinks) *needed = request.state_bytes / 2;
  const UINT64 id = VmbsPacketGetTransactionId(packet);
  for (UINT32 i = 0; i < *needed; ++i) static_cast<UINT8*>(buf)[i] = state_byte(id, i);
  return STATUS_SUCCESS;
}

NTSTATUS CallsLine::on_restore(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
  CallsLine& line = self(channel);
  const image::LibBuf lib = lib_of(lib_buf, lib_size);
  for (UINT32 i = 0; i < save_size; ++i) {
    require(static_cast<UINT8*>(save_buf)[i] == state_byte(lib.transaction_id, i), "SaveBuf is what SavePacket wrote");
  }
  if (line.refuses) return STATUS_UNSUCCESSFUL;
  const VMBPACKET packet = VmbPacketAllocate(channel);
  if (packet == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  request_of(packet) = {save_size, 0};
  VmbPacketSetCompletionRoutine(packet, on_ended);
  const NTSTATUS status = VmbPacketRestore(packet, lib_buf, lib_size);
  if (status != STATUS_SUCCESS) {
    VmbPacketFree(packet);
    return status;
  }
  const bool wants_completion = (lib.flags & image::kLibBufCompletionRequested) != 0;
  (lib.direction == 0 ? line.incoming_ : line.outgoing_).push_back({packet, lib.transaction_id, wants_completion});
  return STATUS_SUCCESS;
}

// ---- accounts ----

NTSTATUS CallsLine::try_open() {
  for (const UINT64 id : held_) guest.expect(id);
  const NTSTATUS status = VmbsChannelOpen(channel, &CallsGuest::transport(), &guest);
  if (status != STATUS_SUCCESS) {
    if (!held_.empty()) guest.expect_nothing();
    return status;
  }
  open = true;
  held_.clear();
  return status;
}

NTSTATUS CallsLine::restore(UINT8* bytes, ULONG size) {
  const std::size_t incoming = incoming_.size();
  const std::size_t outgoing = outgoing_.size();
  const NTSTATUS status = VmbChannelRestoreFromBuffer(channel, bytes, size);
  if (status != STATUS_SUCCESS) {
    incoming_.resize(incoming);
    outgoing_.resize(outgoing);
  }
  return status;
}

void CallsLine::emptied() {
  incoming_.clear();
  outgoing_.clear();
  held_.clear();
  guest.expect_nothing();
}

void CallsLine::left() {
  incoming_.clear();
  held_.clear();
}

void CallsLine::require_accounts() const {
  if (!enabled) return;
  VMBS_CHANNEL_STATISTICS statistics{};
  statistics.Size = sizeof statistics;
  require(VmbsChannelGetStatistics(channel, &statistics) == STATUS_SUCCESS, "an enabled channel has statistics");
  require(statistics.IncomingInUse == incoming_.size() + held_.size(), "each of the guest's packets is in use once");
  require(statistics.OutgoingInUse == outgoing_.size(), "each of the VSP's packets is in use once");
  require(!open || guest.expects_nothing(), "every completion has reached the guest");
  (void)in_use();
}

}  // namespace vmbsave::fuzz
