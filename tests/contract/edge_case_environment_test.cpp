// Edge cases 45 to 47 of the save contract: what callbacks may do, what they may not, and the largest sizes.
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <mutex>
#include <thread>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

// A lock of the VSP's that another of its threads holds while it works on packets, until a callback has been entered.
class Contended {
 public:
  explicit Contended(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          const std::lock_guard lock(mutex_);
          held_.count_down();
          entered_.wait();
          work();
        }) {
    held_.wait();
  }
  ~Contended() { thread_.join(); }

  // The callback; the first call lets the other thread work, and waits for it.
  void enter() {
    if (!std::exchange(was_entered_, true)) entered_.count_down();
    const std::lock_guard lock(mutex_);
  }

 private:
  std::mutex mutex_;
  std::latch held_{1};
  std::latch entered_{1};
  bool was_entered_ = false;
  std::thread thread_;
};

// Documented: callbacks run at PASSIVE_LEVEL, where a driver may block. vmbsave: no lock of the engine's is held that
// the packet functions need, so that a callback may wait for a thread that uses them.
TEST(EdgeCase, N45_CallbacksMayBlock) {
  Endpoint source;
  source.fill(30);
  const VMBPACKET idle = VmbPacketAllocate(source.channel);
  {
    Contended vsp([&] {
      for (int i = 0; i < 10; ++i) source.complete(source.packets[0]);
      VmbPacketFree(VmbPacketAllocate(source.channel));
      EXPECT_EQ(source.send(idle, "not now"), STATUS_DEVICE_BUSY);
      EXPECT_EQ(source.guest->signal(), STATUS_SUCCESS);
      EXPECT_EQ(source.statistics().IncomingInUse, 30u);
    });
    source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      vsp.enter();
      const Bytes scratch(1 << 16, 1);
      return scratch.empty() ? STATUS_UNSUCCESSFUL : Endpoint::plain_save(packet, buf, size, needed);
    };
    EXPECT_EQ(saved_states(save(source.channel)).size(), 30u);
  }
  EXPECT_TRUE(source.completions().empty());
  VmbChannelSaveEnd(source.channel);
  EXPECT_EQ(source.completions().size(), 10u);
  source.on_save = nullptr;
  const Bytes image = save_and_discard(source);

  Endpoint destination({.start = false, .open = false});
  const VMBPACKET other = VmbPacketAllocate(destination.channel);
  {
    Contended vsp([&] {
      VmbPacketFree(VmbPacketAllocate(destination.channel));
      VmbPacketSetPointer(other, &destination);
      EXPECT_EQ(destination.statistics().IncomingInUse, 0u);
    });
    destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
      vsp.enter();
      return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
    };
    EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  }
  EXPECT_EQ(destination.packets.size(), 20u);

  Endpoint open({.start = false});  // a VSP that is through with a packet as soon as it has it back
  open.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    const NTSTATUS status = open.plain_restore(lib_buf, lib_size, save_buf, save_size);
    if (open.restore_calls % 2 == 0) open.complete(open.packets.back());
    return status;
  };
  EXPECT_EQ(restore(open.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(open.statistics().IncomingInUse, 10u);
  open.complete_all();
  EXPECT_EQ(open.completions().size(), 20u);
}

// What a VSP must not call from inside a callback of the VM. How many of them were made.
unsigned misuse(Endpoint& endpoint) {
  const VMBCHANNEL channel = endpoint.channel;
  VmbChannelStart(channel);
  VmbChannelPause(channel);
  VmbChannelDisable(channel);
  VmbChannelCleanup(channel);
  VmbChannelSaveEnd(channel);
  const Continued c = continue_save(channel, 1 << 16);
  EXPECT_EQ(c.status, STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(c.filled, 0u);
  EXPECT_EQ(c.buffer, Bytes(1 << 16, 0xCC));
  EXPECT_EQ(VmbChannelSaveBegin(channel), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(restore(channel, Bytes(64)), STATUS_INVALID_DEVICE_STATE);
  const auto other_guest = guest::Guest::create({});
  EXPECT_EQ(other_guest->open(channel), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(endpoint.guest->close(), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(endpoint.guest->signal(), STATUS_INVALID_DEVICE_STATE);
  return 11;
}

// Documented for state change callbacks: no Start and no Pause inside. vmbsave: from inside any callback, calls that
// would wait for it or meddle with its save are refused or without effect, and counted; the save or the restore goes
// on.
TEST(EdgeCase, N46_CallsFromInsideCallbacks) {
  for (const UINT32 threads : {1u, 2u}) {
    Parent vm;
    Endpoint source({.parent = vm});
    Endpoint sibling({.parent = vm});
    source.set_options([&](VMBS_SAVE_OPTIONS& options) {
      options.Executor = threads == 1 ? VMBS_EXECUTOR_SERIAL : VMBS_EXECUTOR_THREADS;
      options.Threads = threads;
    });
    source.fill(30);
    sibling.fill(30);
    const Bytes untroubled = save_and_end(source.channel);
    const unsigned misused_calls[] = {0, 57};
    unsigned calls = 0;
    unsigned misuses = 0;
    source.on_save = [&](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      if (std::count(std::begin(misused_calls), std::end(misused_calls), calls++) != 0) {
        misuses += misuse(source);
        EXPECT_EQ(misuse(sibling), 11u);
      }
      return Endpoint::plain_save(packet, buf, size, needed);
    };
    ASSERT_EQ(VmbChannelSaveBegin(sibling.channel), STATUS_SUCCESS);
    EXPECT_EQ(save(source.channel), untroubled);
    EXPECT_EQ(misuses, 22u);
    EXPECT_EQ(source.statistics().Misuses, misuses);
    EXPECT_EQ(sibling.statistics().Misuses, misuses);
    EXPECT_EQ(save_continue(sibling.channel), STATUS_SUCCESS);
    VmbChannelSaveEnd(source.channel);
    VmbChannelSaveEnd(sibling.channel);
    for (Endpoint* endpoint : {&source, &sibling}) {
      EXPECT_TRUE(endpoint->changes_seen.empty());
      EXPECT_TRUE(endpoint->receive(31, 8)) << "active as before";
      EXPECT_EQ(endpoint->statistics().IncomingInUse, 31u);
    }

    Endpoint destination({.start = false});
    misuses = 0;
    destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
      if (destination.restore_calls == 2) misuses = misuse(destination);
      return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
    };
    EXPECT_EQ(restore(destination.channel, untroubled), STATUS_SUCCESS);
    EXPECT_EQ(misuses, 11u);
    EXPECT_EQ(destination.statistics().Misuses, misuses);
    EXPECT_EQ(destination.statistics().IncomingInUse, 30u);
    EXPECT_TRUE(destination.changes_seen.empty());
    VmbChannelStart(destination.channel);
    EXPECT_TRUE(destination.receive(31, 8));
  }
}

// The documented sizes have 32 bits. vmbsave: that is enough for chunks with packets of the largest state, 64 MiB,
// which are handed out one by one in buffers of exactly the size required; all of them together may be longer.
TEST(EdgeCase, N47_LargestSizes) {
  constexpr UINT32 kLargestState = 64u << 20;
  constexpr UINT32 kPackets = 22;  // the last one is alone in the second block
  Endpoint source;
  for (UINT32 id = 1; id <= kPackets; ++id) source.receive_one(id == 1 || id == kPackets ? kLargestState : 8, id);
  Endpoint destination({.start = false});
  UINT64 state_bytes = 0;
  destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    const auto* first = static_cast<const UINT8*>(save_buf);
    EXPECT_EQ(first[0], destination.restore_calls);
    EXPECT_EQ(std::memcmp(first, first + 1, save_size - 1), 0) << "all bytes are the first one";
    state_bytes += save_size;
    return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
  };
  ASSERT_EQ(VmbChannelSaveBegin(source.channel), STATUS_SUCCESS);
  ULONG required = continue_save(source.channel, 0).required;
  UINT64 total = 0;
  for (NTSTATUS status = STATUS_BUFFER_OVERFLOW; status == STATUS_BUFFER_OVERFLOW;) {
    Bytes buffer(required);
    ULONG filled = 0;
    status =
        VmbChannelSaveContinue(source.channel, buffer.data(), static_cast<ULONG>(buffer.size()), &filled, &required);
    ASSERT_EQ(filled, buffer.size());
    total += filled;
    EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, buffer.data(), filled),
              status == STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED);
  }
  VmbChannelSaveEnd(source.channel);
  EXPECT_GT(total, UINT64{2} * kLargestState);
  EXPECT_EQ(state_bytes, UINT64{2} * kLargestState + 8 * (kPackets - 2));
  EXPECT_EQ(destination.packets.size(), kPackets);
}

}  // namespace
}  // namespace vmbsave::test
