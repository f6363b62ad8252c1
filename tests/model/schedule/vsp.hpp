// vsp.hpp: a VM of the engine's own parts, with atomics of the World, and a VSP whose memory must not race.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "model/history.hpp"
#include "model/promise.hpp"
#include "model/schedule/atom.hpp"
#include "model/schedule/plain.hpp"
#include "model/schedule/recorder.hpp"
#include "packet/vm.hpp"
#include "save/session_impl.hpp"

namespace vmbsave::model {

using Vm = packet::BasicVm<Atom>;
using Channel = packet::BasicChannel<Atom>;
using Session = save::BasicSaveSession<Atom>;
using test::Operation;
using test::Promise;

inline void require(bool holds, const char* what) {
  if (!holds) World::get().fail(what);
}

// A packet of the guest's, as the VSP knows it.
struct Item {
  Plain<std::uint32_t> state{"the state of a packet"};    // made by ProcessPacket, asked for by SavePacket
  Plain<std::uint32_t> result{"the result of a packet"};  // stored before complete, read by whoever delivers
  std::unique_ptr<Atom<std::uint32_t>> handed;            // the VSP's own hand-over from reader to completer
  packet::Packet* packet = nullptr;
};

class Device;

// One channel. Ids of packets count up over all channels of a VM.
class Ring {
 public:
  Ring(Device& device, packet::ChannelConfig config);
  ~Ring();

  // By the thread that reads it. False: not now.
  bool receive(Promise::Id id);

  Channel& channel() { return *channel_; }

 private:
  static std::int32_t on_save(VMBCHANNEL__* handle, VMBPACKET__* packet, void* buf, std::uint32_t size,
                              std::uint32_t* needed);
  static void on_delivery(void* context, const packet::Packet& packet, const void* result);

  Device& device_;
  std::unique_ptr<Channel> channel_;
  std::vector<std::unique_ptr<Plain<std::uint32_t>>> uses_;  // by slot: who used it last
};

class Device {
 public:
  // `handed` packets may be completed by another thread than the one that received them.
  Device(unsigned rings, packet::ChannelConfig config, std::size_t handed = 4, std::size_t packets = 4);

  void complete(Promise::Id id, Ring& ring);

  // begin, save, end. False: begin gave up, or another save runs.
  bool save(const SaveOptions& options, EndMode mode = EndMode::kResume) { return save(session, options, mode); }
  bool save(Session& by, const SaveOptions& options, EndMode mode = EndMode::kResume);

  // False: a save runs.
  bool remove(Ring& ring);

  // After the schedule.
  void expect_all_over();

  Vm vm;
  std::vector<std::unique_ptr<Ring>> rings;
  Session session{vm};
  Promise promise{[](const std::string& what) { World::get().fail(what); }};
  Recorder recorder;
  Plain<std::uint32_t> scratch{"what belongs to the one saver"};
  std::vector<Item> items;
  std::vector<Promise::Id> saved;      // by the second calls of the save that runs
  std::uint32_t growing = UINT32_MAX;  // the id of a packet whose state is longer than it said at first
  std::function<void()> on_delivery;   // by whoever delivers, before the slot is free
  std::function<void(packet::Packet&)> on_save_of_send;  // for packets of the VSP's own
  std::function<void()> before_end;                      // of a save that succeeded
  std::function<void()> after_end;                       // of a save that has begun
  unsigned may_give_up = 0;  // begins that may, or have: complete may then take a third read-modify-write
  bool withdrawn = false;    // the destination has the packets, or the channel is being removed: completions may fail

 private:
  const unsigned capacity_;
};

}  // namespace vmbsave::model
