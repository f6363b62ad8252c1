// Edge cases 27 to 32 of the save contract: which packets are in use, and what may happen to them during a save.
#include <gtest/gtest.h>

#include <cstddef>
#include <thread>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

// A packet of VmbPacketInitialize.
class CallerMemory {
 public:
  explicit CallerMemory(VMBCHANNEL channel) : units_(VmbChannelSizeofPacket(channel) / sizeof(Unit) + 1) {
    EXPECT_EQ(VmbPacketInitialize(channel, packet(), VmbChannelSizeofPacket(channel)), STATUS_SUCCESS);
  }
  VMBPACKET packet(std::size_t shift = 0) {
    return reinterpret_cast<VMBPACKET>(reinterpret_cast<std::byte*>(units_.data()) + shift);
  }

 private:
  struct alignas(16) Unit {
    std::byte bytes[16];
  };
  std::vector<Unit> units_;
};

// vmbsave: SaveBegin is itself the cut, so that a channel may be saved while it is active; RequirePaused makes
// SaveBegin refuse as long as a channel of the VM is.
TEST(EdgeCase, N27_SaveOfAnActiveChannel) {
  Parent vm;
  Endpoint first({.parent = vm});
  Endpoint second({.parent = vm});
  first.fill(30);
  const Bytes image = save(first.channel);
  EXPECT_FALSE(first.receive(31, 8));
  EXPECT_EQ(first.signal_status, STATUS_DEVICE_BUSY) << "arrived after the cut";
  VmbChannelSaveEnd(first.channel);
  EXPECT_EQ(saved_states(image).size(), 30u);
  EXPECT_TRUE(first.guest->host_work_due());
  EXPECT_EQ(first.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(first.packets.size(), 31u);

  first.set_options([](VMBS_SAVE_OPTIONS& options) { options.RequirePaused = 1; });
  first.complete_all();
  EXPECT_EQ(first.send(VmbPacketAllocate(first.channel), "unanswered"), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelSaveBegin(first.channel), STATUS_INVALID_DEVICE_STATE);
  VmbChannelPause(first.channel);
  EXPECT_EQ(VmbChannelSaveBegin(first.channel), STATUS_INVALID_DEVICE_STATE) << "the second one is active still";
  EXPECT_TRUE(second.receive(1, 8)) << "a refused SaveBegin leaves nothing behind";
  second.complete_all();
  VmbChannelPause(second.channel);
  EXPECT_EQ(saved_states(save_and_end(first.channel)).size(), 1u);
  VmbChannelStart(second.channel);
  EXPECT_EQ(VmbChannelSaveBegin(first.channel), STATUS_INVALID_DEVICE_STATE);
}

// vmbsave: the set of packets is that of the cut. Whoever completes one of them later, and wherever, SavePacket gets a
// packet that is still there, it is in the image, and the guest sees the completion after SaveEnd, once.
TEST(EdgeCase, N28_PacketCompletesDuringTheSave) {
  enum class Way { kBeforeContinue, kFirstCall, kFirstCallOnAnotherThread, kSecondCall };
  for (const Way way : {Way::kBeforeContinue, Way::kFirstCall, Way::kFirstCallOnAnotherThread, Way::kSecondCall}) {
    Endpoint source;
    source.fill(30);
    const VMBPACKET victim = source.packets[12];
    unsigned calls = 0;
    source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      if (packet == victim) {
        ++calls;
        EXPECT_EQ(VmbsPacketGetTransactionId(packet), 13u);
        if (way == (size == 0 ? Way::kFirstCall : Way::kSecondCall)) source.complete(victim);
        if (way == Way::kFirstCallOnAnotherThread && size == 0) std::thread([&] { source.complete(victim); }).join();
      }
      return Endpoint::plain_save(packet, buf, size, needed);
    };
    ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
    if (way == Way::kBeforeContinue) source.complete(victim);
    Bytes image;
    ASSERT_EQ(save_continue(source.channel, &image), STATUS_SUCCESS);
    EXPECT_EQ(calls, 2u);
    const std::vector<Bytes> states = saved_states(image);
    ASSERT_EQ(states.size(), 30u);
    EXPECT_EQ(states[12], Bytes(13 * 29 % 200, 13));
    VmbChannelPacketComplete(victim, nullptr, 0);  // a second time: counts as misuse
    EXPECT_TRUE(source.completions().empty());
    VmbChannelSaveEnd(source.channel);
    EXPECT_EQ(source.completions(), std::vector<UINT64>{13});
    EXPECT_EQ(source.save_statistics().DeferredDelivered, 1u);
    EXPECT_EQ(source.statistics().IncomingInUse, 29u);
    EXPECT_EQ(source.statistics().Misuses, 1u);
    VmbChannelSaveEnd(source.channel);
    EXPECT_TRUE(source.completions().empty());
  }

  Endpoint source;
  const VMBPACKET sent = VmbPacketAllocate(source.channel);
  EXPECT_EQ(source.send(sent, "question"), STATUS_SUCCESS);
  const UINT64 id = source.messages().at(0).first;
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  EXPECT_TRUE(source.guest->complete(id, std::as_bytes(std::span("answer.", 8))));
  EXPECT_EQ(source.guest->signal(), STATUS_DEVICE_BUSY);
  Bytes image;
  EXPECT_EQ(save_continue(source.channel, &image), STATUS_SUCCESS);
  EXPECT_EQ(saved_states(image).size(), 1u);
  EXPECT_TRUE(source.ended.empty());
  VmbChannelSaveEnd(source.channel);
  EXPECT_EQ(source.guest->signal(), STATUS_SUCCESS);
  ASSERT_EQ(source.ended.size(), 1u);
  EXPECT_EQ(source.ended[0].packet, sent);
  EXPECT_EQ(source.ended[0].answer.size(), 8u);
}

// vmbsave: a packet that was allocated or initialized and not sent is not in use, and is not saved.
TEST(EdgeCase, N29_AllocatedAndNeverSent) {
  Endpoint source;
  CallerMemory memory(source.channel);
  const VMBPACKET idle = VmbPacketAllocate(source.channel);
  int mark = 0;
  VmbPacketSetPointer(idle, &mark);
  source.fill(3);
  source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    EXPECT_NE(packet, idle);
    EXPECT_NE(packet, memory.packet());
    return Endpoint::plain_save(packet, buf, size, needed);
  };
  EXPECT_EQ(saved_states(save_and_end(source.channel)).size(), 3u);
  EXPECT_EQ(source.save_statistics().Packets, 3u);
  EXPECT_EQ(VmbPacketGetPointer(idle), &mark);
  EXPECT_EQ(source.send(idle, "now sent"), STATUS_SUCCESS);
  EXPECT_EQ(source.send(memory.packet(), "as well."), STATUS_SUCCESS);
  source.on_save = nullptr;
  EXPECT_EQ(saved_states(save_and_end(source.channel)).size(), 5u);
  source.cleanup();  // before the memory of a packet in use goes
}

// Documented: without WAIT_FOR_COMPLETION a transaction ends when the message is in the ring; so the packet is in use
// only as long as it waits for that. Then it is saved with its payload, and sent after the restore.
TEST(EdgeCase, N30_SentWithoutWaitingForACompletion) {
  Endpoint source;
  const VMBPACKET packet = VmbPacketAllocate(source.channel);
  EXPECT_EQ(source.send(packet, "in ring.", 0), STATUS_SUCCESS);
  ASSERT_EQ(source.ended.size(), 1u);
  EXPECT_EQ(source.ended[0].status, STATUS_SUCCESS);
  EXPECT_EQ(source.statistics().OutgoingInUse, 0u);
  save_and_end(source.channel);
  EXPECT_EQ(source.save_statistics().Packets, 0u);

  VmbChannelPause(source.channel);
  EXPECT_EQ(source.send(packet, "queued..", 0), STATUS_SUCCESS);
  EXPECT_EQ(source.statistics().OutgoingQueued, 1u);
  const Bytes image = save_and_discard(source);
  EXPECT_EQ(source.save_statistics().Packets, 1u);
  EXPECT_EQ(source.ended.size(), 1u) << "the other one goes on elsewhere";

  Endpoint destination({.start = false, .open = false});
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(destination.statistics().OutgoingInUse, 1u);
  destination.take_guest_of(source);
  VmbChannelStart(destination.channel);
  destination.guest->signal();
  const auto messages = destination.messages();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(std::string(messages[0].second.begin(), messages[0].second.end()), "in ring.");
  EXPECT_EQ(std::string(messages[1].second.begin(), messages[1].second.end()), "queued..");
  ASSERT_EQ(destination.ended.size(), 1u);
  EXPECT_EQ(destination.ended[0].packet, destination.packets.at(0));
  EXPECT_EQ(destination.ended[0].status, STATUS_SUCCESS);
  EXPECT_EQ(destination.statistics().OutgoingInUse, 0u);
}

// Documented for restoring is VmbPacketAllocate. vmbsave: a packet in the VSP's own memory is as good, both to be saved
// and to be restored into, for either direction.
TEST(EdgeCase, N31_PacketsInTheVspsOwnMemory) {
  const Endpoint::Config small_rings{.maximum_packet = 2048, .rings = {.to_guest_pages = 2}};
  std::vector<std::unique_ptr<CallerMemory>> memory;
  Endpoint source(small_rings);
  const auto make = [&memory](VMBCHANNEL channel) {
    return memory.emplace_back(std::make_unique<CallerMemory>(channel))->packet();
  };
  const UINT32 size = VmbChannelSizeofPacket(source.channel);
  const VMBPACKET in_ring = make(source.channel);
  EXPECT_EQ(VmbPacketInitialize(source.channel, memory[0]->packet(8), size), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(VmbPacketInitialize(source.channel, in_ring, size - 1), STATUS_INVALID_PARAMETER_3);
  EXPECT_EQ(VmbPacketSend(in_ring, nullptr, 0, nullptr, 0), STATUS_INVALID_DEVICE_STATE) << "no completion routine";
  EXPECT_EQ(source.send(in_ring, "in ring."), STATUS_SUCCESS);
  const VMBPACKET received = source.receive_one(100, 77);  // takes room in the ring for its completion
  const std::string text(2000, 'q');
  EXPECT_EQ(source.send(make(source.channel), text.c_str()), STATUS_SUCCESS);
  EXPECT_EQ(source.statistics().OutgoingQueued, 1u);
  EXPECT_NE(received, in_ring);
  const Bytes image = save_and_discard(source);

  Endpoint destination({.start = false, .open = false, .maximum_packet = 2048});
  destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    return destination.plain_restore(lib_buf, lib_size, save_buf, save_size, make(destination.channel));
  };
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  ASSERT_EQ(destination.packets.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(destination.packets[i], memory[2 + i]->packet());
  EXPECT_EQ(destination.restored_ids[0], 77u);
  destination.take_guest_of(source);
  VmbChannelStart(destination.channel);

  const VMBPACKET restored = destination.packets[0];
  destination.complete(restored);
  auto messages = destination.messages();
  destination.guest->signal();
  messages.push_back(destination.messages().at(0));
  EXPECT_EQ(destination.completions(), std::vector<UINT64>{77});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].second, Bytes(2000, 'q'));
  for (const auto& [id, payload] : messages) EXPECT_TRUE(destination.guest->complete(id, {}));
  EXPECT_EQ(destination.guest->signal(), STATUS_SUCCESS);
  ASSERT_EQ(destination.ended.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(destination.ended[i].packet, destination.packets[i]);
  EXPECT_EQ(VmbPacketInitialize(destination.channel, restored, size), STATUS_SUCCESS);
  EXPECT_EQ(destination.send(restored, "its memory is the VSP's again"), STATUS_SUCCESS);
}

// vmbsave: packets in use that nobody can save make SaveBegin fail, on every channel of the VM; nothing is lost.
TEST(EdgeCase, N32_NoCallbacks) {
  Parent vm;
  Endpoint without({.parent = vm, .save_restore = false});
  Endpoint other({.parent = vm});
  other.fill(3);
  EXPECT_EQ(saved_states(save_and_end(other.channel)).size(), 3u) << "nothing is in use on the one without";
  ASSERT_NE(without.receive_one(), nullptr);
  for (Endpoint* endpoint : {&without, &other}) {
    EXPECT_EQ(VmbChannelSaveBegin(endpoint->channel), STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(continue_save(endpoint->channel, 4096).status, STATUS_INVALID_DEVICE_STATE);
    VmbChannelSaveEnd(endpoint->channel);
    EXPECT_TRUE(endpoint->receive(50, 8)) << "the channel goes on";
    endpoint->complete(endpoint->packets.back());
    EXPECT_EQ(endpoint->completions(), std::vector<UINT64>{50});
  }
  const VMBPACKET sent = VmbPacketAllocate(without.channel);
  EXPECT_EQ(without.send(sent, "unanswered"), STATUS_SUCCESS);
  without.complete_all();
  EXPECT_EQ(VmbChannelSaveBegin(without.channel), STATUS_INVALID_DEVICE_STATE) << "a sent packet is one as well";
  EXPECT_EQ(without.completions(), std::vector<UINT64>{1});
  EXPECT_TRUE(without.guest->complete(VmbsPacketGetTransactionId(sent), {}));
  EXPECT_EQ(without.guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(VmbChannelSaveBegin(without.channel), STATUS_SUCCESS);
  VmbChannelSaveEnd(without.channel);
}

}  // namespace
}  // namespace vmbsave::test
