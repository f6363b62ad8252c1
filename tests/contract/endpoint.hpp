// endpoint.hpp: a server endpoint of the C face with callbacks of its own, and a caller of SaveContinue.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "vmbsave/kmcl_ext.h"

namespace vmbsave::test {

struct Context {
  UINT32 bytes;
};

inline VOID on_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet, PVOID buffer, UINT32 length, UINT32) {
  static_cast<std::vector<VMBPACKET>*>(VmbChannelGetPointer(channel))->push_back(packet);
  ASSERT_EQ(length, sizeof(Context));
  std::memcpy(VmbsPacketGetClientContext(packet), buffer, length);
}

inline NTSTATUS on_save(VMBCHANNEL, VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
  const auto* context = static_cast<const Context*>(VmbsPacketGetClientContext(packet));
  if (context->bytes == 0) return STATUS_SUCCESS;
  *needed = context->bytes;
  if (size < context->bytes) return STATUS_BUFFER_TOO_SMALL;
  std::memset(buf, static_cast<int>(VmbsPacketGetTransactionId(packet) & 0xFF), context->bytes);
  return STATUS_SUCCESS;
}

inline NTSTATUS on_restore(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_size, PVOID, UINT32 save_size) {
  const VMBPACKET packet = VmbPacketAllocate(channel);
  if (packet == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  static_cast<Context*>(VmbsPacketGetClientContext(packet))->bytes = save_size;
  const NTSTATUS status = VmbPacketRestore(packet, lib_buf, lib_size);
  if (!NT_SUCCESS(status)) VmbPacketFree(packet);
  return status;
}

inline VOID on_completion(PVOID context, UINT64 id, const VOID*, UINT32) {
  static_cast<std::vector<UINT64>*>(context)->push_back(id);
}

class Endpoint {
 public:
  explicit Endpoint(PDEVICE_OBJECT parent = nullptr, bool start = true) {
    EXPECT_EQ(VmbChannelAllocate(parent, 1, &channel), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetClientContextSize(channel, sizeof(Context)), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetMaximumPacketSize(channel, 64), STATUS_SUCCESS);
    EXPECT_EQ(VmbChannelInitSetProcessPacketCallbacks(channel, on_packet, nullptr), STATUS_SUCCESS);
    EXPECT_EQ(VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, on_save, on_restore), STATUS_SUCCESS);
    EXPECT_EQ(VmbsChannelInitSetCompletionSink(channel, on_completion, &delivered), STATUS_SUCCESS);
    VmbChannelSetPointer(channel, &packets);
    EXPECT_EQ(VmbChannelEnable(channel), STATUS_SUCCESS);
    if (start) VmbChannelStart(channel);
  }
  ~Endpoint() { VmbChannelCleanup(channel); }
  Endpoint(const Endpoint&) = delete;

  NTSTATUS receive(UINT64 id, UINT32 state_bytes) {
    Context context{state_bytes};
    const VMBS_INCOMING_PACKET packet{id, &context, sizeof context, 1, nullptr};
    return VmbsChannelReceivePacket(channel, &packet);
  }
  void fill(UINT32 count) {
    for (UINT32 i = 1; i <= count; ++i) ASSERT_EQ(receive(i, i * 29 % 200), STATUS_SUCCESS);
  }

  VMBCHANNEL channel = nullptr;
  std::vector<UINT64> delivered;
  std::vector<VMBPACKET> packets;  // received
};

using Bytes = std::vector<UINT8>;

// One buffer of that size for every call; on TOO_SMALL it grows to exactly what was required, which must then do.
inline Bytes save(VMBCHANNEL channel, ULONG size, unsigned* calls = nullptr) {
  Bytes image;
  EXPECT_EQ(VmbChannelSaveBegin(channel), STATUS_SUCCESS);
  Bytes buffer(size);
  for (bool grown = false;;) {
    ULONG filled = 77;
    ULONG required = 77;
    const NTSTATUS status = VmbChannelSaveContinue(channel, buffer.empty() ? nullptr : buffer.data(),
                                                   static_cast<ULONG>(buffer.size()), &filled, &required);
    if (calls != nullptr) ++*calls;
    if (status == STATUS_BUFFER_TOO_SMALL) {
      EXPECT_FALSE(grown) << "exactly the bytes required were not enough";
      EXPECT_EQ(filled, 0u);
      EXPECT_GT(required, buffer.size());
      buffer.resize(required);
      grown = true;
      continue;
    }
    EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_BUFFER_OVERFLOW) << std::hex << status;
    EXPECT_GT(filled, 0u);
    image.insert(image.end(), buffer.begin(), buffer.begin() + filled);
    buffer.resize(size);
    grown = false;
    if (status != STATUS_BUFFER_OVERFLOW) {
      EXPECT_EQ(required, 0u);
      break;
    }
    EXPECT_GT(required, 0u);
  }
  return image;
}

}  // namespace vmbsave::test
