// What SavePacket may return, and what the engine makes of it.
#include <gtest/gtest.h>

#include <functional>

#include "unit/vsp_fixture.hpp"

namespace vmbsave::test {
namespace {

constexpr std::int32_t kRefuses = static_cast<std::int32_t>(Status::kInsufficientResources);

struct OnePacket {
  TestVm vm;
  OnePacket() { vm[0].receive(1, 40); }
  Status save(std::function<std::int32_t(std::uint64_t, void*, std::uint32_t, std::uint32_t*)> hook) {
    vm[0].save_hook = std::move(hook);
    EXPECT_EQ(vm.session.begin({}), Status::kSuccess);
    const Status status = vm.session.save();
    if (status == Status::kSuccess) saved = packets_of(image_of(vm));
    vm.session.end(EndMode::kResume);
    EXPECT_EQ(vm.in_use(), 1u);
    return status;
  }
  std::vector<SavedPacket> saved;
};

TEST(SavePacket, AnyFailingFirstCallWithASizeTriggersTheSecond) {
  for (const std::uint32_t code : {0xC0000023u, 0x80000005u, 0xC0000001u, 0xC000009Au}) {
    OnePacket one;
    EXPECT_EQ(one.save([&](std::uint64_t, void*, std::uint32_t size, std::uint32_t* needed) {
      *needed = 16;
      return size == 0 ? static_cast<std::int32_t>(code) : 0;
    }),
              Status::kSuccess);
    EXPECT_EQ(one.saved.at(0).state.size(), 16u);
  }
}

TEST(SavePacket, FailingFirstCallWithoutASizeFailsTheSave) {
  OnePacket one;
  EXPECT_EQ(one.save([](std::uint64_t, void*, std::uint32_t, std::uint32_t*) { return kRefuses; }),
            Status::kInsufficientResources);
}

TEST(SavePacket, SuccessfulFirstCallMeansNoState) {
  OnePacket one;
  int calls = 0;
  EXPECT_EQ(one.save([&](std::uint64_t, void*, std::uint32_t, std::uint32_t* needed) {
    ++calls;
    *needed = 99;
    return 0x40000000;  // an informational code succeeds too
  }),
            Status::kSuccess);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(one.saved.at(0).state.empty());
}

TEST(SavePacket, PendingIsABrokenContract) {
  OnePacket one;
  EXPECT_EQ(one.save([](std::uint64_t, void*, std::uint32_t, std::uint32_t*) { return 0x103; }),
            Status::kInvalidDeviceRequest);
}

TEST(SavePacket, AbsurdSizeIsRefused) {
  OnePacket one;
  EXPECT_EQ(one.save([](std::uint64_t, void*, std::uint32_t, std::uint32_t* needed) {
    *needed = 0xFFFFFFF0u;
    return kRefuses;
  }),
            Status::kInvalidBufferSize);
}

// What is kept: the second call's size if it was written and fits, else the first's. Tails and buffers are zeroed.
TEST(SavePacket, PersistedLength) {
  struct Case {
    bool write;
    std::uint32_t second;
    std::size_t kept;
  };
  for (const Case c :
       {Case{false, 0, 40}, Case{true, 40, 40}, Case{true, 13, 13}, Case{true, 0, 0}, Case{true, 41, 40}}) {
    OnePacket one;
    for (int round = 0; round < 2; ++round) {  // the second over an arena with stale bytes
      ASSERT_EQ(one.save([&](std::uint64_t, void* buf, std::uint32_t size, std::uint32_t* needed) {
        if (size == 0) {
          *needed = 40;
          return kRefuses;
        }
        EXPECT_EQ(size, 40u);
        for (std::uint32_t i = 0; i < size; ++i) EXPECT_EQ(static_cast<std::uint8_t*>(buf)[i], 0) << "stale byte";
        std::memset(buf, 0xEE, size);
        if (c.write) *needed = c.second;
        return 0;
      }),
                Status::kSuccess);
      EXPECT_EQ(one.saved.at(0).state.size(), c.kept);
      const auto image = image_of(one.vm);
      EXPECT_EQ(static_cast<std::size_t>(std::count(image.begin(), image.end(), std::byte{0xEE})), c.kept)
          << "bytes beyond the kept length are zero";
    }
  }
}

TEST(SavePacket, FailingSecondCallFailsTheSaveWithItsStatus) {
  OnePacket one;
  EXPECT_EQ(one.save([](std::uint64_t, void*, std::uint32_t size, std::uint32_t* needed) {
    *needed = size == 0 ? 8 : 16;  // grown: not retried
    return static_cast<std::int32_t>(Status::kBufferTooSmall);
  }),
            Status::kBufferTooSmall);
}

}  // namespace
}  // namespace vmbsave::test
