// calls_line.hpp: one channel of the C face with its VSP and its guest, and the accounts of what must be in use.
#pragma once

#include <initializer_list>
#include <set>
#include <utility>
#include <vector>

#include "fuzz/calls_guest.hpp"

namespace vmbsave::fuzz {

inline void require_one_of(NTSTATUS status, std::initializer_list<NTSTATUS> documented, const char* what) {
  require(std::find(documented.begin(), documented.end(), status) != documented.end(), what);
}

// What SavePacket gets wrong on purpose; any other number: nothing.
enum CallsMood : UINT32 { kGrows = 1, kShrinks, kFailsWithoutSize, kFailsAgain, kPends, kThrows, kMoods };

// Direction (1: the VSP's) and transaction id: what a record of an image says, and what names a packet in use.
using PacketId = std::pair<unsigned, UINT64>;

class CallsLine {
 public:
  explicit CallsLine(PDEVICE_OBJECT parent);
  ~CallsLine();
  CallsLine(const CallsLine&) = delete;

  VMBCHANNEL channel = nullptr;
  CallsGuest guest;
  bool open = false;
  bool enabled = false;
  bool refuses = false;  // RestorePacket fails

  // ---- the VSP ----
  void complete(std::size_t i);
  void fail(std::size_t i);
  void complete_all();
  NTSTATUS send(UINT32 bytes, UINT32 flags, const Request& request);
  std::size_t incoming() const { return incoming_.size(); }
  std::set<PacketId> in_use() const;

  // The guest opens the channel: held completions reach it.
  NTSTATUS try_open();
  // What RestorePacket has put in use is in use if this succeeds, else gone.
  NTSTATUS restore(UINT8* bytes, ULONG size);

  // ---- accounts ----
  void emptied();  // by a discard or a disable: nothing is left, nothing is delivered
  void left();     // disabled while a save runs: what it has sent and completed ends with that
  bool ended() const { return outgoing_.empty() && guest.expects_nothing(); }
  void require_accounts() const;  // while no save of the VM runs

  // ---- a save of this channel ----
  bool saving = false;
  bool broken = false;       // it has failed
  std::set<PacketId> cut;    // what it has to have
  std::vector<UINT8> saved;  // what it has handed out

 private:
  struct InUse {
    VMBPACKET packet;
    UINT64 id;
    bool wants_completion;
  };

  static CallsLine& self(VMBCHANNEL channel) { return *static_cast<CallsLine*>(VmbChannelGetPointer(channel)); }
  static VOID on_process(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32 length, UINT32 flags);
  static VOID on_ended(VMBPACKET packet, NTSTATUS status, PVOID buffer, UINT32 length);
  static NTSTATUS on_save(VMBCHANNEL channel, VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed);
  static NTSTATUS on_restore(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size);

  std::vector<InUse> incoming_;
  std::vector<InUse> outgoing_;
  std::vector<UINT64> held_;  // completed before the guest was there
};

}  // namespace vmbsave::fuzz
