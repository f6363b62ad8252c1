#include <gtest/gtest.h>

#include <thread>

#include "base/atomic.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "vmbsave/kmcl.h"
#include "vmbsave/save.hpp"
#include "vmbsave/status.hpp"

namespace vmbsave {
namespace {

TEST(Status, ValuesAreThoseOfTheCFace) {
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kSuccess), STATUS_SUCCESS);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kPending), STATUS_PENDING);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kBufferOverflow), STATUS_BUFFER_OVERFLOW);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kDeviceBusy), STATUS_DEVICE_BUSY);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kUnsuccessful), STATUS_UNSUCCESSFUL);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kInvalidHandle), STATUS_INVALID_HANDLE);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kInvalidParameter), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kMoreProcessingRequired), STATUS_MORE_PROCESSING_REQUIRED);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kBufferTooSmall), STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kInsufficientResources), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(static_cast<NTSTATUS>(Status::kInvalidDeviceState), STATUS_INVALID_DEVICE_STATE);
}

// Values as the public list of NTSTATUS codes has them.
TEST(Status, DocumentedNumbers) {
  EXPECT_EQ(STATUS_BUFFER_OVERFLOW, static_cast<NTSTATUS>(0x80000005u));
  EXPECT_EQ(STATUS_DEVICE_BUSY, static_cast<NTSTATUS>(0x80000011u));
  EXPECT_EQ(STATUS_MORE_PROCESSING_REQUIRED, static_cast<NTSTATUS>(0xC0000016u));
  EXPECT_EQ(STATUS_BUFFER_TOO_SMALL, static_cast<NTSTATUS>(0xC0000023u));
  EXPECT_EQ(STATUS_INVALID_DEVICE_STATE, static_cast<NTSTATUS>(0xC0000184u));
}

TEST(Status, InformationalCodesSucceedWarningsDoNot) {
  EXPECT_TRUE(succeeded(Status::kSuccess));
  EXPECT_TRUE(succeeded(static_cast<Status>(0x40000000)));
  EXPECT_FALSE(succeeded(Status::kBufferOverflow));
  EXPECT_FALSE(succeeded(Status::kBufferTooSmall));
  EXPECT_EQ(NT_SUCCESS(STATUS_PENDING), succeeded(Status::kPending));
}

TEST(Status, NamesAreTheDocumentedOnes) {
  EXPECT_STREQ(status_name(Status::kBufferTooSmall), "STATUS_BUFFER_TOO_SMALL");
  EXPECT_STREQ(status_name(static_cast<Status>(static_cast<NTSTATUS>(0xE0001234u))), "an NTSTATUS of the VSP");
  EXPECT_STREQ(phase_name(SavePhase::kTransitWait), "transit_wait");
}

TEST(Bytes, AlignUp) {
  EXPECT_EQ(base::align_up(0, 64), 0u);
  EXPECT_EQ(base::align_up(1, 64), 64u);
  EXPECT_EQ(base::align_up(64, 64), 64u);
  EXPECT_EQ(base::align_up(65, 16), 80u);
}

TEST(Clock, LapsAddUp) {
  const std::uint64_t start = base::now_ns();
  base::Lap lap;
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::uint64_t laps = lap.next() + lap.next();
  EXPECT_GE(laps, 1'000'000u);
  EXPECT_LE(laps, base::now_ns() - start);
}

TEST(Atomic, OperationsGiveTheOldValue) {
  base::Atomic<std::uint64_t> value(5);
  EXPECT_EQ(value.fetch_add_relaxed(1), 5u);
  EXPECT_EQ(value.fetch_add_release(1), 6u);
  EXPECT_EQ(value.fetch_add_acq_rel(1), 7u);
  EXPECT_EQ(value.fetch_sub_relaxed(1), 8u);
  EXPECT_EQ(value.fetch_sub_release(1), 7u);
  EXPECT_EQ(value.fetch_sub_acq_rel(1), 6u);
  EXPECT_EQ(value.exchange_acq_rel(9), 5u);
  std::uint64_t expected = 1;
  EXPECT_FALSE(value.compare_exchange_acquire(expected, 2));
  EXPECT_EQ(expected, 9u);
  EXPECT_TRUE(value.compare_exchange_acquire(expected, 2));
  EXPECT_EQ(value.load_acquire(), 2u);
}

}  // namespace
}  // namespace vmbsave
