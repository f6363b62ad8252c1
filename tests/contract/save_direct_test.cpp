// SaveContinue with an aligned buffer that holds a channel's whole stream: packets are saved right into it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "contract/endpoint.hpp"

namespace vmbsave::test {
namespace {

class SaveDirect : public testing::Test {
 protected:
  // Aligned to 64, and `shift` bytes further.
  Continued continue_at(VMBCHANNEL channel, std::size_t size, std::size_t shift = 0) {
    Continued c{STATUS_UNSUCCESSFUL, 77, 77, {}};
    buffer_.reset(static_cast<UINT8*>(std::aligned_alloc(64, kRoom)));
    std::fill_n(buffer_.get(), kRoom, UINT8{0xCC});
    EXPECT_LE(size + shift, kRoom);
    UINT8* const at = buffer_.get() + shift;
    c.status = VmbChannelSaveContinue(channel, at, static_cast<ULONG>(size), &c.filled, &c.required);
    c.buffer.assign(at, at + c.filled);
    EXPECT_TRUE(std::all_of(at + c.filled, buffer_.get() + kRoom, [](UINT8 byte) { return byte == 0xCC; }))
        << "written behind what is filled";
    return c;
  }
  // The same until the stream is there.
  Bytes stream(VMBCHANNEL channel, std::size_t size, std::size_t shift = 0) {
    Bytes bytes;
    for (;;) {
      const Continued c = continue_at(channel, size, shift);
      bytes.insert(bytes.end(), c.buffer.begin(), c.buffer.end());
      if (c.status == STATUS_BUFFER_TOO_SMALL) size = c.required;
      if (c.status != STATUS_BUFFER_TOO_SMALL && c.status != STATUS_BUFFER_OVERFLOW) {
        EXPECT_EQ(c.status, STATUS_SUCCESS);
        return bytes;
      }
    }
  }
  Bytes save_at(VMBCHANNEL channel, std::size_t size, std::size_t shift = 0) {
    EXPECT_EQ(VmbChannelSaveBegin(channel), STATUS_SUCCESS);
    Bytes bytes = stream(channel, size, shift);
    VmbChannelSaveEnd(channel);
    return bytes;
  }

  // Notes the calls for each packet, and whether second calls were inside the caller's buffer.
  void watch(Endpoint& endpoint) {
    endpoint.on_save = [this](VMBPACKET packet, PVOID buf, UINT32 size, PUINT32 needed) {
      ++calls[packet];
      if (size != 0) {
        const auto* const at = static_cast<const UINT8*>(buf);
        ++(at >= buffer_.get() && at + size <= buffer_.get() + kRoom ? inside : outside);
      }
      return Endpoint::plain_save(packet, buf, size, needed);
    };
  }

  static constexpr std::size_t kRoom = 1 << 16;
  std::map<VMBPACKET, unsigned> calls;
  unsigned inside = 0;
  unsigned outside = 0;

 private:
  struct Free {
    void operator()(UINT8* memory) const { std::free(memory); }
  };
  std::unique_ptr<UINT8, Free> buffer_;
};

TEST_F(SaveDirect, PacketsAreSavedIntoTheCallersBuffer) {
  if (VMBSAVE_CHECK >= 2) GTEST_SKIP() << "at check level 2 each second call has a guarded buffer of its own";
  Endpoint endpoint;
  endpoint.fill(60);
  const Bytes copied = save_and_end(endpoint.channel, 4096);
  watch(endpoint);
  EXPECT_EQ(save_at(endpoint.channel, kRoom), copied);
  EXPECT_EQ(inside, 60u);
  EXPECT_EQ(outside, 0u);
  EXPECT_EQ(endpoint.save_statistics().ImageBytes, copied.size());
}

TEST_F(SaveDirect, OneThatIsNotAlignedGetsACopy) {
  Endpoint endpoint;
  endpoint.fill(60);
  const Bytes copied = save_and_end(endpoint.channel, 4096);
  watch(endpoint);
  for (const std::size_t shift : {1u, 16u, 32u}) EXPECT_EQ(save_at(endpoint.channel, 32'768, shift), copied) << shift;
  EXPECT_EQ(inside, 0u);
}

TEST_F(SaveDirect, EveryRoomGivesTheSameBytesWithTwoCallsAPacket) {
  Endpoint endpoint;
  endpoint.fill(45);
  const Bytes copied = save_and_end(endpoint.channel, 4096);
  watch(endpoint);
  for (std::size_t size = 0; size <= copied.size() + 64; size += 8) {
    calls.clear();
    ASSERT_EQ(save_at(endpoint.channel, size), copied) << "a buffer of " << size;
    for (const auto& [packet, count] : calls) ASSERT_EQ(count, 2u) << "a buffer of " << size;
  }
}

TEST_F(SaveDirect, AnExactFitIsEnough) {
  Endpoint endpoint;
  endpoint.fill(30);
  const Bytes copied = save_and_end(endpoint.channel, 4096);
  ASSERT_EQ(VmbChannelSaveBegin(endpoint.channel), STATUS_SUCCESS);
  const Continued c = continue_at(endpoint.channel, copied.size());
  EXPECT_EQ(c.status, STATUS_SUCCESS);
  EXPECT_EQ(c.required, 0u);
  EXPECT_EQ(c.buffer, copied);
  EXPECT_EQ(save_continue(endpoint.channel), STATUS_INVALID_DEVICE_STATE) << "there is no more";
  VmbChannelSaveEnd(endpoint.channel);
}

TEST_F(SaveDirect, AChannelWithoutPacketsHasAStreamToo) {
  Endpoint endpoint;
  EXPECT_EQ(save_at(endpoint.channel, kRoom), save_and_end(endpoint.channel));
}

// ---- several channels ----

class SaveDirectTogether : public SaveDirect {
 protected:
  SaveDirectTogether() {
    for (UINT32 i = 0; i < 3; ++i) {
      channels.push_back(std::make_unique<Endpoint>(Endpoint::Config{.parent = parent, .concurrent = true}));
      channels.back()->fill(20 + i);
    }
  }
  void begin() {
    for (const auto& endpoint : channels) ASSERT_EQ(VmbChannelSaveBegin(endpoint->channel), STATUS_SUCCESS);
  }
  void end() {
    for (const auto& endpoint : channels) VmbChannelSaveEnd(endpoint->channel);
  }
  std::vector<Bytes> copies() {
    std::vector<Bytes> all;
    begin();
    for (const auto& endpoint : channels) all.push_back(stream(endpoint->channel, 4096, 1));
    end();
    return all;
  }

  Parent parent;
  std::vector<std::unique_ptr<Endpoint>> channels;
};

TEST_F(SaveDirectTogether, InAnyOrderEachHasItsOwn) {
  const std::vector<Bytes> expected = copies();
  for (const auto& endpoint : channels) watch(*endpoint);
  begin();
  for (const std::size_t i : {2u, 0u, 1u}) EXPECT_EQ(stream(channels[i]->channel, kRoom), expected[i]) << i;
  end();
  for (const auto& [packet, count] : calls) EXPECT_EQ(count, 2u);
  EXPECT_EQ(calls.size(), 20u + 21 + 22);
}

TEST_F(SaveDirectTogether, BuffersOfEveryKindMayCome) {
  const std::vector<Bytes> expected = copies();
  for (const auto& endpoint : channels) watch(*endpoint);
  begin();
  EXPECT_EQ(stream(channels[0]->channel, kRoom), expected[0]);
  EXPECT_EQ(stream(channels[1]->channel, 512), expected[1]) << "a chunk at a time";
  EXPECT_EQ(stream(channels[2]->channel, kRoom - 8, 8), expected[2]) << "not aligned";
  end();
  for (const auto& [packet, count] : calls) EXPECT_EQ(count, 2u);
}

TEST_F(SaveDirectTogether, AFailureIsEveryonesAndNothingIsLost) {
  channels[1]->on_save = [](VMBPACKET, PVOID, UINT32, PUINT32 needed) {
    *needed = 0;
    return STATUS_IO_TIMEOUT;
  };
  begin();
  EXPECT_EQ(continue_at(channels[0]->channel, kRoom).status, STATUS_SUCCESS);
  EXPECT_EQ(continue_at(channels[1]->channel, kRoom).status, STATUS_IO_TIMEOUT);
  EXPECT_EQ(continue_at(channels[2]->channel, kRoom).status, STATUS_IO_TIMEOUT) << "the save has failed";
  for (const auto& endpoint : channels) endpoint->complete_all();
  end();
  for (std::size_t i = 0; i < channels.size(); ++i) EXPECT_EQ(channels[i]->completions().size(), 20 + i);
  channels[1]->on_save = nullptr;
  EXPECT_EQ(copies().size(), 3u) << "the next save works";
}

TEST_F(SaveDirectTogether, TheOneForWhichNoBudgetIsLeftIsNamed) {
  const std::vector<Bytes> expected = copies();
  channels[0]->set_options([&](VMBS_SAVE_OPTIONS& options) {
    options.Executor = VMBS_EXECUTOR_SERIAL;
    options.MemoryBudget = expected[2].size() + expected[0].size();
  });
  begin();
  EXPECT_EQ(stream(channels[2]->channel, kRoom), expected[2]);
  EXPECT_EQ(stream(channels[0]->channel, kRoom), expected[0]);
  EXPECT_EQ(continue_at(channels[1]->channel, kRoom).status, STATUS_QUOTA_EXCEEDED);
  end();
  EXPECT_EQ(channels[0]->save_statistics().FailureStatus, STATUS_QUOTA_EXCEEDED);
  EXPECT_EQ(channels[0]->save_statistics().FailureChannel, 1u);
  begin();
  EXPECT_EQ(continue_at(channels[2]->channel, kRoom - 8, 8).status, STATUS_QUOTA_EXCEEDED) << "all at once";
  end();
  EXPECT_EQ(channels[0]->save_statistics().FailureChannel, 0u) << "no channel's";
}

TEST_F(SaveDirectTogether, OneThatIsDisabledAfterItWasSavedIsDiscarded) {
  const std::vector<Bytes> expected = copies();
  begin();
  EXPECT_EQ(stream(channels[0]->channel, kRoom), expected[0]);
  VmbChannelDisable(channels[0]->channel);
  EXPECT_EQ(stream(channels[1]->channel, kRoom), expected[1]);
  EXPECT_EQ(stream(channels[2]->channel, kRoom), expected[2]);
  end();
  EXPECT_TRUE(channels[0]->completions().empty());
  EXPECT_FALSE(channels[1]->is_empty());
}

}  // namespace
}  // namespace vmbsave::test
