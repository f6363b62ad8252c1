// subject.hpp: a virtual machine with channels of the VSP that is examined, and the guest at their other end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "verify/course.hpp"
#include "verify/endpoint.hpp"
#include "verify/requests.hpp"
#include "verify/restore_watch.hpp"

namespace vmbsave::verify {

// What the guest waits for, or has not answered.
struct Pending {
  VMBS_VSP_REQUEST request{};
  bool is_known = false;             // whether `request` is what the packet is about
  bool with_backend = false;         // of a request: the VSP has handed it over,
  VMBPACKET packet = nullptr;        // as this packet
  std::uint32_t held = 0;            // of the device, until the completion has come
  bool is_completed = false;         // during a save: its completion comes at the end
  std::optional<NTSTATUS> status{};  // that the backend was done with it with
};
using PendingPackets = std::map<PacketName, Pending>;

class Subject {
 public:
  // Channels that are enabled and not started. Throws NotChecked, std::bad_alloc.
  explicit Subject(Course& course);
  // Drops what is in use.
  ~Subject();
  Subject(const Subject&) = delete;

  // The guest opens all channels, and they are started. Throws NotChecked.
  void start();

  // Requests until so many packets are in use, or the VSP takes no more. Throws NotChecked if the library refuses.
  void fill(Requests& requests, std::uint32_t packets);

  // In place of fill, for a VM that is restored: its guest waits for what the other one's did.
  void inherit(const PendingPackets& pending);
  // What was restored goes on, once all channels are started.
  void reissue();

  // Every channel's cut, and its end. False: the library refuses, and nothing has begun.
  bool begin_saves();
  void end_saves();

  // The backend is done with each request that it has, or with every second one; the guest answers likewise. During a
  // save every second one alone.
  void complete_all();
  void complete_half();
  // Whether the guest waits for a request still.
  bool awaits_requests() const;

  // Disables and releases all channels, and looks for packets that are left. Only if no request is awaited, which
  // Disable would wait for.
  void finish();

  // The packets of a channel that are in use, in order of their slots.
  std::vector<packet::Packet*> packets_in_use(std::uint32_t channel) const;
  std::span<const VMBCHANNEL> channels() const noexcept { return channels_; }
  const PendingPackets& pending() const noexcept { return pending_; }
  VOID* device() const noexcept { return device_; }
  Course& course() noexcept { return course_; }
  RestoreWatch& restores() noexcept { return restores_; }

 private:
  void make_device();
  void add_channel(std::uint32_t number);
  void configure(VMBCHANNEL channel);
  void adopt(VMBCHANNEL channel, Endpoint& endpoint);
  void tear_down() noexcept;
  bool put_in_use(std::uint32_t channel, const VMBS_VSP_REQUEST& request);
  bool submit(std::uint32_t channel, const VMBS_VSP_REQUEST& request);
  bool deliver(std::uint32_t channel, const VMBS_VSP_REQUEST& request);
  void signal(const Place& where);
  void receive(std::uint32_t channel);
  void take_completion(std::uint32_t channel, const Arrival& arrival);
  void look_at_status(const PacketName& name, const Pending& pending, const Arrival& arrival);
  void take_packet(std::uint32_t channel, const Arrival& arrival);
  void end(const PacketName& name);
  void complete(const PacketName& name, VMBPACKET packet);
  void await_end(const PacketName& name);
  void answer(const PacketName& name);
  bool is_gone_soon(const PacketName& name);
  Inside inside(const Place& where) { return Inside(course_.journals.lane(0), where); }
  static VOID on_submit(VOID* context, VMBPACKET packet, UINT64 transaction_id);

  Course& course_;
  VOID* device_ = nullptr;
  VMBS_VSP_BACKEND backend_{};
  char parent_ = 0;  // its address is that of the parent device
  RestoreWatch restores_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::vector<VMBCHANNEL> channels_;
  bool released_ = false;
  bool saving_ = false;
  std::mutex mutex_;  // of pending_: a VSP may hand over a request on a thread of its own
  PendingPackets pending_;
  const VMBS_VSP_REQUEST* delivering_ = nullptr;
  const PacketName* completing_ = nullptr;
};

}  // namespace vmbsave::verify
