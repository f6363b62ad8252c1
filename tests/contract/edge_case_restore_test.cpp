// Edge cases 33 to 37 of the save contract: RestoreFromBuffer, RestorePacket and VmbPacketRestore.
#include <gtest/gtest.h>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

Bytes image_of(UINT32 packets) {
  Endpoint source;
  source.fill(packets);
  return save_and_end(source.channel);
}

// What was restored before a failure is gone.
void forget(Endpoint& endpoint) {
  endpoint.packets.clear();
  endpoint.restored_ids.clear();
  endpoint.restore_calls = 0;
}

void expect_restores(Endpoint& endpoint, const Bytes& image, UINT32 packets) {
  forget(endpoint);
  endpoint.on_restore = nullptr;
  EXPECT_EQ(restore(endpoint.channel, image), STATUS_SUCCESS);
  EXPECT_EQ(endpoint.restore_calls, packets);
  EXPECT_EQ(endpoint.statistics().IncomingInUse, packets);
  EXPECT_TRUE(endpoint.starts());
}

// Documented: buffers hold whole chunks. vmbsave: part of one fails the restore before any callback; a new one may
// follow.
TEST(EdgeCase, N33_PartOfAChunk) {
  const Bytes image = image_of(30);
  const std::size_t first = chunk_sizes(image)[0];
  const std::size_t second = chunk_sizes(image)[1];
  Endpoint destination(kPaused);
  for (const std::size_t part : {std::size_t{1}, std::size_t{63}, std::size_t{64}, second / 2, second - 1}) {
    EXPECT_EQ(restore(destination.channel, image, 0, first + part), STATUS_INVALID_BUFFER_SIZE) << part;
    EXPECT_EQ(restore(destination.channel, image, 0, first), STATUS_MORE_PROCESSING_REQUIRED);
    EXPECT_EQ(restore(destination.channel, image, first, part), STATUS_INVALID_BUFFER_SIZE) << part;
    EXPECT_EQ(restore(destination.channel, image, first + part, second - part),
              second - part < 64 ? STATUS_INVALID_BUFFER_SIZE : STATUS_INVALID_IMAGE_FORMAT)
        << "the rest of it is no chunk either";
  }
  UINT8 nothing = 0;
  EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, &nothing, 0), STATUS_INVALID_BUFFER_SIZE);
  EXPECT_EQ(VmbChannelRestoreFromBuffer(destination.channel, nullptr, 64), STATUS_INVALID_PARAMETER_2);
  EXPECT_EQ(destination.restore_calls, 0u);
  EXPECT_FALSE(destination.starts());
  expect_restores(destination, image, 30);
}

// Documented: STATUS_MORE_PROCESSING_REQUIRED is progress, though NT_SUCCESS is false for it. vmbsave: RestorePacket
// runs with the last chunk; a stream that ends before leaves the channel half restored: neither Start nor SaveBegin
// work.
TEST(EdgeCase, N34_MoreProcessingRequired) {
  static_assert(!NT_SUCCESS(STATUS_MORE_PROCESSING_REQUIRED));
  const Bytes image = image_of(60);
  const std::vector<std::size_t> sizes = chunk_sizes(image);
  for (std::size_t last = 1; last <= sizes.size(); ++last) {
    Endpoint destination(kPaused);
    std::size_t at = 0;
    for (std::size_t i = 0; i < last; at += sizes[i++]) {
      const NTSTATUS expected = i + 1 == sizes.size() ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED;
      EXPECT_EQ(restore(destination.channel, image, at, sizes[i]), expected);
    }
    const bool whole = last == sizes.size();
    EXPECT_EQ(destination.restore_calls, whole ? 60u : 0u);
    EXPECT_EQ(VmbChannelSaveBegin(destination.channel), whole ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_STATE);
    VmbChannelSaveEnd(destination.channel);
    EXPECT_EQ(destination.starts(), whole);
    if (whole) continue;
    EXPECT_TRUE(destination.changes_seen.empty());
    VmbChannelDisable(destination.channel);
    destination.guest->detach();
    ASSERT_EQ(VmbChannelEnable(destination.channel), STATUS_SUCCESS);
    ASSERT_EQ(destination.guest->open(destination.channel), STATUS_SUCCESS);
    EXPECT_TRUE(destination.starts()) << "a new life, with nothing to restore";
  }
}

// vmbsave: bytes behind the last chunk fail the restore before any callback; a call after STATUS_SUCCESS is refused,
// and what was restored stays.
TEST(EdgeCase, N35_MoreThanTheStream) {
  const Bytes image = image_of(30);
  const std::size_t last = chunk_sizes(image).back();
  const auto end = static_cast<std::ptrdiff_t>(image.size() - last);
  Endpoint destination(kPaused);
  for (const Bytes& more : {Bytes(1), Bytes(64), Bytes(image.begin() + end, image.end()), image}) {
    Bytes longer = image;
    longer.insert(longer.end(), more.begin(), more.end());
    EXPECT_EQ(restore(destination.channel, longer), STATUS_DATA_ERROR);
    EXPECT_EQ(destination.restore_calls, 0u);
    EXPECT_TRUE(destination.is_empty());
  }
  EXPECT_EQ(restore(destination.channel, image), STATUS_SUCCESS);
  for (const Bytes& more : {Bytes(64), Bytes(image.begin() + end, image.end()), image}) {
    EXPECT_EQ(restore(destination.channel, more), STATUS_INVALID_DEVICE_STATE);
  }
  EXPECT_EQ(destination.restore_calls, 30u);
  EXPECT_EQ(destination.statistics().IncomingInUse, 30u);
  EXPECT_TRUE(destination.starts()) << "a call that is refused changes nothing";
  EXPECT_EQ(restore(destination.channel, image), STATUS_INVALID_DEVICE_STATE) << "started";
}

// vmbsave: a RestorePacket that fails ends the restore with its status, whether it has restored its own packet or not;
// the library takes back what was restored, so that a retry restores nothing twice. The two statuses that mean
// something else to the caller of RestoreFromBuffer become STATUS_INVALID_DEVICE_REQUEST.
TEST(EdgeCase, N36_RestorePacketFails) {
  const Bytes image = image_of(30);
  struct Failure {
    NTSTATUS status;
    NTSTATUS seen;
  };
  for (const Failure failure : {Failure{STATUS_INSUFFICIENT_RESOURCES, STATUS_INSUFFICIENT_RESOURCES},
                                Failure{static_cast<NTSTATUS>(0xE00A0003u), static_cast<NTSTATUS>(0xE00A0003u)},
                                Failure{STATUS_MORE_PROCESSING_REQUIRED, STATUS_INVALID_DEVICE_REQUEST},
                                Failure{STATUS_PENDING, STATUS_INVALID_DEVICE_REQUEST}}) {
    for (const bool restored : {false, true}) {
      Endpoint destination(kPaused);
      for (const unsigned at : {1u, 23u, 30u}) {
        forget(destination);
        destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
          if (destination.restore_calls < at) {
            return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
          }
          if (restored) {
            EXPECT_EQ(destination.plain_restore(lib_buf, lib_size, save_buf, save_size), STATUS_SUCCESS);
          }
          return failure.status;
        };
        EXPECT_EQ(restore(destination.channel, image), failure.seen);
        EXPECT_EQ(destination.restore_calls, at) << "no further packet";
        EXPECT_TRUE(destination.is_empty());
        EXPECT_FALSE(destination.starts());
      }
      expect_restores(destination, image, 30);
      std::vector<VMBPACKET> all;
      for (UINT32 i = 0; i < 17; ++i) all.push_back(VmbPacketAllocate(destination.channel));
      EXPECT_NE(all[15], nullptr) << "none of the 16 was lost on the way";
      EXPECT_EQ(all[16], nullptr);
      destination.complete_all();
      EXPECT_EQ(destination.completions(), ids_up_to(30));
    }
  }
}

// vmbsave: a RestorePacket must call VmbPacketRestore once, with its own LibBuf; whatever it returns, all else fails
// the restore, and outside RestorePacket VmbPacketRestore is refused.
TEST(EdgeCase, N37_VmbPacketRestoreIsMisused) {
  const Bytes image = image_of(3);
  Endpoint destination(kPaused);
  Bytes first_lib_buf;
  const auto expect_violation = [&](const char* what, std::function<void(VMBPACKET, Bytes&)> misuse) {
    forget(destination);
    first_lib_buf.clear();
    destination.on_restore = [&](PVOID lib_buf, UINT32 lib_size, PVOID save_buf, UINT32 save_size) {
      const auto* bytes = static_cast<const UINT8*>(lib_buf);
      if (destination.restore_calls == 1) {
        first_lib_buf.assign(bytes, bytes + lib_size);
        return destination.plain_restore(lib_buf, lib_size, save_buf, save_size);
      }
      const VMBPACKET packet = VmbPacketAllocate(destination.channel);
      Bytes own(bytes, bytes + lib_size);
      misuse(packet, own);
      VmbPacketFree(packet);  // without effect if it is in use
      return STATUS_SUCCESS;
    };
    EXPECT_EQ(restore(destination.channel, image), STATUS_INVALID_DEVICE_REQUEST) << what;
    EXPECT_EQ(destination.restore_calls, 2u) << what;
    EXPECT_TRUE(destination.is_empty()) << what;
  };
  const auto call = [](VMBPACKET packet, Bytes& lib_buf) {
    return VmbPacketRestore(packet, lib_buf.data(), static_cast<ULONG>(lib_buf.size()));
  };
  expect_violation("never", [](VMBPACKET, Bytes&) {});
  expect_violation("the same packet twice", [&](VMBPACKET packet, Bytes& own) {
    EXPECT_EQ(call(packet, own), STATUS_SUCCESS);
    EXPECT_EQ(call(packet, own), STATUS_INVALID_PARAMETER);
  });
  expect_violation("two packets", [&](VMBPACKET packet, Bytes& own) {
    const VMBPACKET second = VmbPacketAllocate(destination.channel);
    EXPECT_EQ(call(packet, own), STATUS_SUCCESS);
    EXPECT_EQ(call(second, own), STATUS_INVALID_PARAMETER);
    VmbPacketFree(second);
  });
  expect_violation("another packet's LibBuf", [&](VMBPACKET packet, Bytes& own) {
    EXPECT_EQ(call(packet, first_lib_buf), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(call(packet, own), STATUS_SUCCESS) << "too late";
  });
  expect_violation("a changed LibBuf", [&](VMBPACKET packet, Bytes& own) {
    own[0] ^= 1;
    EXPECT_EQ(call(packet, own), STATUS_INVALID_PARAMETER);
  });
  expect_violation("part of LibBuf", [&](VMBPACKET packet, Bytes& own) {
    EXPECT_EQ(VmbPacketRestore(packet, own.data(), static_cast<ULONG>(own.size() - 1)), STATUS_INVALID_PARAMETER);
  });
  expect_violation("a restored packet again", [&](VMBPACKET, Bytes& own) {
    EXPECT_EQ(call(destination.packets.at(0), own), STATUS_INVALID_PARAMETER);
  });
  expect_violation("NULL", [&](VMBPACKET packet, Bytes& own) {
    EXPECT_EQ(VmbPacketRestore(nullptr, own.data(), 32), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(VmbPacketRestore(packet, nullptr, 32), STATUS_INVALID_PARAMETER);
  });
  Endpoint other;
  expect_violation("another channel's packet", [&](VMBPACKET, Bytes& own) {
    const VMBPACKET foreign = VmbPacketAllocate(other.channel);
    EXPECT_EQ(call(foreign, own), STATUS_INVALID_DEVICE_STATE);
    VmbPacketFree(foreign);
  });
  const VMBPACKET packet = VmbPacketAllocate(destination.channel);
  EXPECT_EQ(call(packet, first_lib_buf), STATUS_INVALID_DEVICE_STATE) << "outside RestorePacket";
  VmbPacketFree(packet);
  expect_restores(destination, image, 3);
}

}  // namespace
}  // namespace vmbsave::test
