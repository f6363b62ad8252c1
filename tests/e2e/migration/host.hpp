// host.hpp: a process's end of the virtual machine: the channels, storvsp behind each, the disk behind them all.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "e2e/migration/disk.hpp"
#include "e2e/migration/shared.hpp"
#include "e2e/migration/transport.hpp"
#include "kmcl/vm.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::migration {

// The channels of one VM with storvsp behind them; one process may have several VMs.
class Channels {
 public:
  using Submit = std::function<void(VMBPACKET packet, std::uint64_t transaction_id)>;

  // Throws std::runtime_error, as all functions of this file do where a call of the library fails.
  // save_packet: in place of storvsp's own, which it calls.
  explicit Channels(Submit submit, PFN_VMB_CHANNEL_SAVE_PACKET save_packet = nullptr);
  static NTSTATUS storvsp_save_packet(VMBCHANNEL channel, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size,
                                      PUINT32 bytes_needed);
  ~Channels();
  Channels(const Channels&) = delete;

  kmcl::Vm& vm() const;
  VMBCHANNEL channel(std::uint32_t number) const { return channels_[number]; }
  // Restored requests go to `submit` again.
  void reissue();
  // As new: after a restore that failed.
  void renew();

 private:
  void configure(VMBCHANNEL channel);

  const Submit submit_;
  const PFN_VMB_CHANNEL_SAVE_PACKET save_packet_;
  const VMBS_VSP_BACKEND backend_;
  char parent_ = 0;  // its address identifies the VM
  std::vector<VMBCHANNEL> channels_;
};

class Host {
 public:
  struct Settings {
    std::string disk;
    bool uring = true;
    bool is_source = false;                             // what it answers during its save is counted
    PFN_VMB_CHANNEL_SAVE_PACKET save_packet = nullptr;  // as of Channels
  };

  Host(Shared& shared, const Settings& settings);
  ~Host();

  Channels& channels() noexcept { return channels_; }
  kmcl::Vm& vm() const { return channels_.vm(); }

  // Waits for the disk's lock unless told not to, and opens the disk: no request is carried out before that.
  // Whether it had to wait.
  bool take_disk(bool wait_for_lock = true);
  Disk& disk() noexcept { return *disk_; }

  // The guest's rings are the channels' from here on, though nothing is taken from them.
  void open();
  // Carries out what was restored. Nothing may be taken from the rings before the last of it has its answer.
  void reissue();
  // Channels start, and a thread takes requests until it is stopped.
  void serve();
  void stop_serving();

  // Transaction ids that this host has carried out so far.
  struct Ids {
    std::unordered_set<std::uint64_t> submitted;
    std::unordered_set<std::uint64_t> answering;  // their answer goes to the library, or has gone
    std::unordered_set<std::uint64_t> answered;   // it has
  };
  Ids ids() const;

 private:
  struct Operation;
  void submit(VMBPACKET packet, std::uint64_t transaction_id);
  void done(Operation* operation, bool good);
  void note(std::unordered_set<std::uint64_t> Ids::*set, std::uint64_t transaction_id);
  void answer(VMBPACKET packet, std::uint64_t transaction_id, NTSTATUS status);
  void poll();

  Shared& shared_;
  const Settings settings_;
  mutable std::mutex ids_mutex_;
  Ids ids_;
  bool reissuing_ = false;                 // of the thread that does
  std::atomic<std::uint64_t> reissued_{};  // under way
  std::unique_ptr<DiskFile> file_;
  std::vector<std::unique_ptr<Transport>> transports_;
  Channels channels_;
  std::unique_ptr<Disk> disk_;
  std::atomic<bool> serving_{};
  std::thread server_;
};

}  // namespace vmbsave::migration
