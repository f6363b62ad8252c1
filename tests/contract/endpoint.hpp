// endpoint.hpp: a server endpoint of the C face with a VSP of its own and a guest at the other end, and a caller of
// SaveContinue.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vmbsave/guest.hpp"
#include "vmbsave/kmcl_ext.h"

namespace vmbsave::test {

using Bytes = std::vector<UINT8>;

// What the test's guest sends, and what the VSP keeps in the client context: a ring packet is a multiple of 8 bytes
// long.
struct Request {
  UINT32 state_bytes;  // that SavePacket gives for it; 0: none
  UINT32 fill;         // what they are
};

// One channel. Its callbacks do what a plain VSP does, unless a test puts a function of its own in their place.
class Endpoint {
 public:
  struct Config {
    PDEVICE_OBJECT parent = nullptr;
    bool start = true;
    bool open = true;
    bool concurrent = false;
    bool save_restore = true;  // callbacks registered
    UINT32 quota = 0;          // 0: the default
    UINT32 maximum_sends = 16;
    UINT32 maximum_packet = 64;
    UINT32 server_flags = 0;
    guest::Guest::Options rings{};
  };

  Endpoint() : Endpoint(Config{}) {}
  explicit Endpoint(const Config& config) : guest(guest::Guest::create(config.rings)) {
    EXPECT_EQ(VmbChannelAllocate(config.parent, 1, &channel), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetClientContextSize(channel, sizeof(Request)), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetMaximumPacketSize(channel, config.maximum_packet), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetProcessPacketCallbacks(channel, process_packet, processing_complete), STATUS_SUCCESS);
    EXPECT_EQ(VmbServerChannelInitSetFlags(channel, config.server_flags), STATUS_SUCCESS);
    EXPECT_EQ(VmbsChannelInitSetConcurrentCallbacks(channel, config.concurrent), STATUS_SUCCESS);
    EXPECT_EQ(VmbsChannelInitSetMaximumSends(channel, config.maximum_sends), STATUS_SUCCESS);
    if (config.save_restore) {
      EXPECT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, save_packet, restore_packet),
                STATUS_SUCCESS);
    }
    VMB_CHANNEL_STATE_CHANGE_CALLBACKS changes;
    VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&changes);
    changes.EvtChannelOpened = [](VMBCHANNEL c) -> NTSTATUS { return self(c).changed("opened"), self(c).open_status; };
    changes.EvtChannelClosed = [](VMBCHANNEL c) { self(c).changed("closed"); };
    changes.EvtChannelSuspend = [](VMBCHANNEL c) { self(c).changed("suspend"); };
    changes.EvtChannelStarted = [](VMBCHANNEL c) { self(c).changed("started"); };
    changes.EvtChannelPostStarted = [](VMBCHANNEL c) { self(c).changed("post_started"); };
    EXPECT_EQ(VmbChannelInitSetStateChangeCallbacks(channel, &changes), STATUS_SUCCESS);
    if (config.quota != 0) VmbChannelSetTransactionQuota(channel, config.quota);
    VmbChannelSetPointer(channel, this);
    EXPECT_EQ(VmbChannelEnable(channel), STATUS_SUCCESS);
    if (config.open) {
      EXPECT_EQ(guest->open(channel), STATUS_SUCCESS);
    }
    if (config.start) VmbChannelStart(channel);
    changes_seen.clear();
  }
  ~Endpoint() { cleanup(); }
  Endpoint(const Endpoint&) = delete;

  // Drops whatever is in use.
  void cleanup() {
    if (channel != nullptr) VmbChannelCleanup(channel);
    channel = nullptr;
    if (guest != nullptr) guest->detach();
  }

  // The guest of a channel that was disabled goes on with this one, and what is unread in its rings goes along.
  void take_guest_of(Endpoint& source) {
    source.guest->detach();
    guest = std::move(source.guest);
    EXPECT_EQ(guest->open(channel), STATUS_SUCCESS);
  }

  // The guest sends a request and signals. True: the VSP has got it.
  bool receive(UINT64 id, UINT32 state_bytes, bool completion_requested = true) {
    const Request request{state_bytes, static_cast<UINT32>(id)};
    const std::size_t before = packets.size();
    EXPECT_TRUE(guest->send(id, std::as_bytes(std::span(&request, 1)), completion_requested));
    signal_status = guest->signal();
    return packets.size() > before;
  }
  // Requests 1 .. count, of mixed sizes.
  void fill(UINT32 count) {
    for (UINT32 i = 1; i <= count; ++i) ASSERT_TRUE(receive(i, i * 29 % 200));
  }
  // One request whose state is of that size; what the VSP got.
  VMBPACKET receive_one(UINT32 state_bytes = 100, UINT64 id = 1) {
    EXPECT_TRUE(receive(id, state_bytes));
    return packets.back();
  }

  void complete(VMBPACKET packet) {
    std::erase(packets, packet);
    VmbChannelPacketComplete(packet, nullptr, 0);
  }
  void complete_all() {
    while (!packets.empty()) complete(packets.front());
  }

  // What the guest can read now: ids of completions, and payloads of packets that the VSP sent.
  std::vector<UINT64> completions() {
    read();
    return std::exchange(completions_, {});
  }
  std::vector<std::pair<UINT64, Bytes>> messages() {
    read();
    return std::exchange(messages_, {});
  }

  // The VSP sends; its packet when it is in use. `text` is padded to 8 on the ring.
  NTSTATUS send(VMBPACKET packet, const char* text, UINT32 flags = VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION) {
    VmbPacketSetCompletionRoutine(packet, completion_routine);
    return VmbPacketSend(packet, const_cast<char*>(text), static_cast<UINT32>(std::strlen(text)), nullptr, flags);
  }

  VMBS_CHANNEL_STATISTICS statistics() const {
    VMBS_CHANNEL_STATISTICS statistics{};
    statistics.Size = sizeof statistics;
    EXPECT_EQ(VmbsChannelGetStatistics(channel, &statistics), STATUS_SUCCESS);
    return statistics;
  }

  // Whether the channel is or becomes active.
  bool starts() {
    VmbChannelStart(channel);
    return guest->signal() != STATUS_DEVICE_BUSY;
  }

  bool is_empty() const { return statistics().IncomingInUse == 0 && statistics().OutgoingInUse == 0; }

  VMBS_SAVE_STATISTICS save_statistics() const {
    VMBS_SAVE_STATISTICS statistics{};
    statistics.Size = sizeof statistics;
    EXPECT_EQ(VmbsChannelGetSaveStatistics(channel, &statistics), STATUS_SUCCESS);
    return statistics;
  }

  // Save options of the VM: the defaults, but for what `change` sets.
  void set_options(const std::function<void(VMBS_SAVE_OPTIONS&)>& change) const {
    VMBS_SAVE_OPTIONS options;
    VMBS_SAVE_OPTIONS_INIT(&options);
    change(options);
    EXPECT_EQ(VmbsChannelSetSaveOptions(channel, &options), STATUS_SUCCESS);
  }

  struct Ended {
    VMBPACKET packet;
    NTSTATUS status;
    Bytes answer;
  };

  VMBCHANNEL channel = nullptr;
  std::unique_ptr<guest::Guest> guest;
  std::vector<VMBPACKET> packets;  // in use, in order of arrival: received or restored
  std::vector<Ended> ended;        // sends whose completion routine ran
  std::vector<UINT32> batches;     // of ProcessingComplete
  std::vector<std::string> changes_seen;
  NTSTATUS signal_status = STATUS_SUCCESS;
  NTSTATUS open_status = STATUS_SUCCESS;  // what EvtChannelOpened returns
  unsigned restore_calls = 0;

  // In place of the plain VSP's.
  std::function<void(VMBPACKET, PVOID, UINT32, UINT32)> on_process;
  std::function<NTSTATUS(VMBPACKET, PVOID, UINT32, PUINT32)> on_save;
  std::function<NTSTATUS(PVOID, UINT32, PVOID, UINT32)> on_restore;
  std::function<void(const std::string&)> on_change;
  std::function<void(VMBPACKET, NTSTATUS)> on_ended;

  // What the plain VSP does.
  static NTSTATUS plain_save(VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    const auto* request = static_cast<const Request*>(VmbsPacketGetClientContext(packet));
    if (request->state_bytes == 0) return STATUS_SUCCESS;
    *needed = request->state_bytes;
    if (size < request->state_bytes) return STATUS_BUFFER_TOO_SMALL;
    std::memset(buf, static_cast<int>(request->fill & 0xFF), request->state_bytes);
    return STATUS_SUCCESS;
  }
  NTSTATUS plain_restore(PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size, VMBPACKET packet = nullptr) {
    if (packet == nullptr) packet = VmbPacketAllocate(channel);
    if (packet == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    auto* request = static_cast<Request*>(VmbsPacketGetClientContext(packet));
    request->state_bytes = save_size;
    request->fill = save_size == 0 ? 0 : *static_cast<const UINT8*>(save_buf);
    VmbPacketSetCompletionRoutine(packet, completion_routine);
    const NTSTATUS status = VmbPacketRestore(packet, lib_buf, lib_size);
    if (!NT_SUCCESS(status)) {
      VmbPacketFree(packet);
      return status;
    }
    restored_ids.push_back(VmbsPacketGetTransactionId(packet));
    packets.push_back(packet);
    return status;
  }
  std::vector<UINT64> restored_ids;

 private:
  static Endpoint& self(VMBCHANNEL channel) { return *static_cast<Endpoint*>(VmbChannelGetPointer(channel)); }

  static VOID process_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32 length,
                             UINT32 flags) {
    Endpoint& e = self(channel);
    if (e.on_process) return e.on_process(packet, buffer, length, flags);
    ASSERT_EQ(length, sizeof(Request));
    std::memcpy(VmbsPacketGetClientContext(packet), buffer, length);
    e.packets.push_back(packet);
  }
  static VOID processing_complete(VMBCHANNEL channel, UINT32 packets) { self(channel).batches.push_back(packets); }
  static NTSTATUS save_packet(VMBCHANNEL channel, VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
    Endpoint& e = self(channel);
    if (e.on_save) return e.on_save(packet, buf, size, needed);
    return plain_save(packet, buf, size, needed);
  }
  static NTSTATUS restore_packet(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    Endpoint& e = self(channel);
    ++e.restore_calls;
    return e.on_restore ? e.on_restore(lib_buf, lib_size, save_buf, save_size)
                        : e.plain_restore(lib_buf, lib_size, save_buf, save_size);
  }
  static VOID completion_routine(VMBPACKET packet, NTSTATUS status, PVOID buffer, UINT32 length) {
    Endpoint& e = self(VmbPacketGetChannel(packet));
    const auto* first = static_cast<const UINT8*>(buffer);
    e.ended.push_back({packet, status, first == nullptr ? Bytes{} : Bytes(first, first + length)});
    if (e.on_ended) e.on_ended(packet, status);
  }
  void changed(const char* what) {
    changes_seen.emplace_back(what);
    if (on_change) on_change(what);
  }

  void read() {
    while (const auto packet = guest->receive()) {
      if (packet->kind == guest::Received::Kind::kCompletion) {
        completions_.push_back(packet->transaction_id);
        continue;
      }
      const auto* first = reinterpret_cast<const UINT8*>(packet->payload.data());
      messages_.emplace_back(packet->transaction_id, Bytes(first, first + packet->payload.size()));
    }
  }

  std::vector<UINT64> completions_;
  std::vector<std::pair<UINT64, Bytes>> messages_;
};

// Memory of the one who calls SaveContinue, so many bytes behind a multiple of 64: at 0 a channel may be saved right
// into it, else it gets a copy. 0xCC where nothing was written.
class Room {
 public:
  explicit Room(std::size_t size, std::size_t shift = 16) : memory_(size + 64 + shift, 0xCC), size_(size) {
    first_ = memory_.data() + (64 - reinterpret_cast<std::uintptr_t>(memory_.data()) % 64) % 64 + shift;
  }
  UINT8* data() { return size_ == 0 ? nullptr : first_; }
  ULONG size() const { return static_cast<ULONG>(size_); }
  Bytes first(std::size_t bytes) const { return {first_, first_ + bytes}; }

 private:
  Bytes memory_;
  std::size_t size_;
  UINT8* first_;
};

// One buffer of that size for every call; on TOO_SMALL it grows to exactly what was required, which must then do. The
// save stays open.
inline Bytes save(VMBCHANNEL channel, ULONG size = 1 << 20, unsigned* calls = nullptr) {
  Bytes image;
  EXPECT_EQ(VmbChannelSaveBegin(channel), STATUS_SUCCESS);
  auto buffer = std::make_unique<Room>(size);
  for (bool grown = false;;) {
    ULONG filled = 77;
    ULONG required = 77;
    const NTSTATUS status = VmbChannelSaveContinue(channel, buffer->data(), buffer->size(), &filled, &required);
    if (calls != nullptr) ++*calls;
    if (status == STATUS_BUFFER_TOO_SMALL) {
      EXPECT_EQ(filled, 0u);
      EXPECT_GT(required, buffer->size());
      if (grown) {
        ADD_FAILURE() << "exactly the bytes required were not enough";
        break;
      }
      buffer = std::make_unique<Room>(required);
      grown = true;
      continue;
    }
    if (status != STATUS_SUCCESS && status != STATUS_BUFFER_OVERFLOW) {
      ADD_FAILURE() << std::hex << status;
      break;
    }
    EXPECT_GT(filled, 0u);
    image.insert(image.end(), buffer->data(), buffer->data() + filled);
    buffer = std::make_unique<Room>(size);
    grown = false;
    if (status != STATUS_BUFFER_OVERFLOW) {
      EXPECT_EQ(required, 0u);
      break;
    }
    EXPECT_GT(required, 0u);
  }
  return image;
}

// A whole save, resumed at its end.
inline Bytes save_and_end(VMBCHANNEL channel, ULONG size = 1 << 20) {
  Bytes image = save(channel, size);
  VmbChannelSaveEnd(channel);
  return image;
}

// SaveContinue with a large buffer, for its status: so many bytes behind a multiple of 64. At 0 the channel may be
// saved right into it.
inline NTSTATUS save_continue(VMBCHANNEL channel, Bytes* image = nullptr, std::size_t shift = 0) {
  Room room(1 << 20, shift);
  ULONG filled = 0;
  ULONG required = 0;
  const NTSTATUS status = VmbChannelSaveContinue(channel, room.data(), room.size(), &filled, &required);
  if (image != nullptr) *image = room.first(filled);
  return status;
}

// What SaveContinue said and wrote, with a buffer of that size (0: none).
struct Continued {
  NTSTATUS status;
  ULONG filled;
  ULONG required;
  Bytes buffer;  // 0xCC where nothing was written
};
inline Continued continue_save(VMBCHANNEL channel, std::size_t size) {
  Continued c{STATUS_UNSUCCESSFUL, 77, 77, {}};
  Room room(size);
  c.status = VmbChannelSaveContinue(channel, room.data(), room.size(), &c.filled, &c.required);
  c.buffer = room.first(size);
  return c;
}

// A whole save whose packets are handed over to another channel: nothing is delivered, the channel is left disabled.
inline Bytes save_and_discard(Endpoint& source) {
  Bytes image = save(source.channel);
  if (image.empty()) return image;  // failed: Disable would wait for what is in use
  VmbChannelDisable(source.channel);
  VmbChannelSaveEnd(source.channel);
  return image;
}

// The sizes of the chunks of a stream, from their headers.
inline std::vector<std::size_t> chunk_sizes(const Bytes& stream) {
  std::vector<std::size_t> sizes;
  for (std::size_t at = 0; at < stream.size(); at += sizes.back()) {
    UINT32 bytes = 0;
    std::memcpy(&bytes, stream.data() + at + 8, sizeof bytes);
    EXPECT_NE(bytes, 0u);
    sizes.push_back(bytes == 0 ? stream.size() : bytes);
  }
  return sizes;
}

inline NTSTATUS restore(VMBCHANNEL channel, Bytes image) {
  return VmbChannelRestoreFromBuffer(channel, image.data(), static_cast<ULONG>(image.size()));
}

// Part of an image.
inline NTSTATUS restore(VMBCHANNEL channel, const Bytes& image, std::size_t first, std::size_t bytes) {
  const auto begin = image.begin() + static_cast<std::ptrdiff_t>(first);
  return restore(channel, Bytes(begin, begin + static_cast<std::ptrdiff_t>(bytes)));
}

// A destination that is open and has not started: nothing is received before the restore is over.
inline const Endpoint::Config kPaused{.start = false};

// What RestorePacket gets as SaveBuf for each packet of an image, in order.
inline std::vector<Bytes> saved_states(const Bytes& image) {
  Endpoint destination({.start = false, .open = false});
  std::vector<Bytes> states;
  destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
    const auto* first = static_cast<const UINT8*>(save_buf);
    states.emplace_back(first, first + save_size);
    return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
  };
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  return states;
}

// 1 .. last.
inline std::vector<UINT64> ids_up_to(UINT64 last) {
  std::vector<UINT64> ids(last);
  std::iota(ids.begin(), ids.end(), 1);
  return ids;
}

// Identity of a parent device for channels of one VM.
class Parent {
 public:
  operator PDEVICE_OBJECT() { return reinterpret_cast<PDEVICE_OBJECT>(&here_); }

 private:
  char here_ = 0;
};

}  // namespace vmbsave::test
