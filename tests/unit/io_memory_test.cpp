// Images in memory, and the names of failures.
#include <gtest/gtest.h>

#include <cerrno>

#include "io/io_error.hpp"
#include "unit/io_fixture.hpp"

namespace vmbsave::test {
namespace {

TEST(IoMemory, WhatIsWrittenIsRead) {
  Random random(7);
  for (const std::size_t size : {0u, 1u, 4096u, 100'000u}) {
    const Bytes bytes = some_bytes(size);
    Bytes image = some_bytes(50);
    const auto sink = io::make_memory_sink(image);
    EXPECT_TRUE(image.empty());
    EXPECT_EQ(write_in_pieces(*sink, bytes, random, 5000), Status::kSuccess);
    EXPECT_EQ(sink->finish(), Status::kSuccess);
    EXPECT_EQ(image, bytes);
    const auto source = io::make_memory_source(image);
    EXPECT_EQ(source->size(), size);
    EXPECT_EQ(read_in_pieces(*source, random, 5000), bytes);
    EXPECT_EQ(source->error().status, Status::kSuccess);
  }
}

TEST(IoMemory, FullAtExactlyItsLimit) {
  Bytes image;
  const auto sink = io::make_memory_sink(image, 100);
  EXPECT_EQ(sink->write(some_bytes(60)), Status::kSuccess);
  EXPECT_EQ(sink->write(some_bytes(40)), Status::kSuccess);
  EXPECT_EQ(sink->write({}), Status::kSuccess);
  EXPECT_EQ(sink->write(some_bytes(1)), Status::kQuotaExceeded);
  EXPECT_EQ(sink->error().offset, 100u);
  EXPECT_EQ(sink->write({}), Status::kQuotaExceeded);
  EXPECT_EQ(sink->rewrite({}), Status::kQuotaExceeded);
  EXPECT_EQ(sink->finish(), Status::kQuotaExceeded);
  EXPECT_TRUE(image.empty());
}

TEST(IoMemory, LimitOfEachWriteIsOfAll) {
  Bytes image;
  const auto sink = io::make_memory_sink(image, 100);
  EXPECT_EQ(sink->write(some_bytes(60)), Status::kSuccess);
  EXPECT_EQ(sink->write(some_bytes(60)), Status::kQuotaExceeded);
  EXPECT_EQ(sink->error().offset, 60u);
  EXPECT_EQ(sink->error().step, io::IoStep::kWrite);
}

TEST(IoMemory, RewritesWhatWasWritten) {
  Bytes image;
  const auto sink = io::make_memory_sink(image);
  EXPECT_EQ(sink->rewrite(some_bytes(1)), Status::kInvalidParameter);
  EXPECT_EQ(sink->write(some_bytes(5000, 1)), Status::kSuccess);
  EXPECT_EQ(sink->rewrite(some_bytes(5001, 2)), Status::kInvalidParameter);
  EXPECT_EQ(sink->rewrite(some_bytes(4999, 2)), Status::kSuccess);
  EXPECT_EQ(sink->error().status, Status::kSuccess) << "a question that may be asked";
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  Bytes expected = some_bytes(4999, 2);
  expected.push_back(some_bytes(5000, 1).back());
  EXPECT_EQ(image, expected);
}

TEST(IoMemory, WithoutFinishNothingIsLeft) {
  Bytes image;
  { EXPECT_EQ(io::make_memory_sink(image)->write(some_bytes(10)), Status::kSuccess); }
  EXPECT_TRUE(image.empty());
  const auto sink = io::make_memory_sink(image);
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kSuccess);
  sink->abandon();
  EXPECT_TRUE(image.empty());
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kInvalidDeviceState);
  EXPECT_EQ(sink->finish(), Status::kInvalidDeviceState);
  EXPECT_EQ(sink->error().status, Status::kInvalidDeviceState);
}

TEST(IoMemory, AfterFinishNothingChanges) {
  Bytes image;
  const auto sink = io::make_memory_sink(image);
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kSuccess);
  EXPECT_EQ(sink->finish(), Status::kSuccess);
  EXPECT_EQ(sink->write(some_bytes(10)), Status::kInvalidDeviceState);
  EXPECT_EQ(sink->rewrite(some_bytes(1)), Status::kInvalidDeviceState);
  EXPECT_EQ(sink->finish(), Status::kInvalidDeviceState);
  sink->abandon();
  EXPECT_EQ(image, some_bytes(10));
}

// While a vector moves, its old place is there too.
TEST(IoMemory, CountsTheOldPlaceOfAVectorThatGrows) {
  Bytes image;
  const auto sink = io::make_memory_sink(image);
  EXPECT_EQ(sink->write(some_bytes(1000)), Status::kSuccess);
  EXPECT_EQ(sink->peak_bytes(), 0u);
  EXPECT_EQ(sink->write(some_bytes(5000)), Status::kSuccess);
  EXPECT_GE(sink->peak_bytes(), 1000u);
}

TEST(IoError, StatusOfEachErrno) {
  const std::pair<Status, std::vector<int>> cases[] = {
      {Status::kSuccess, {0}},
      {Status::kInsufficientResources, {ENOMEM, ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE, ENOBUFS}},
      {Status::kIoTimeout, {ETIMEDOUT}},
      {Status::kConnectionDisconnected, {EPIPE, ECONNRESET, ECONNABORTED, ENOTCONN, EHOSTUNREACH}},
      {Status::kObjectNameNotFound, {ENOENT, ENOTDIR}},
      {Status::kAccessDenied, {EACCES, EPERM, EROFS}},
      {Status::kInvalidParameter, {EISDIR, ESPIPE}},
      {Status::kUnexpectedIoError, {EIO, EBADF, EINVAL, ELOOP, ENAMETOOLONG, 12345}}};
  for (const auto& [status, errors] : cases) {
    for (const int error : errors) EXPECT_EQ(io::status_of(error), status) << error;
  }
}

TEST(IoError, EveryStepHasAName) {
  std::vector<std::string> names;
  for (int step = 0; step <= static_cast<int>(io::IoStep::kWait); ++step) {
    names.emplace_back(io::io_step_name(static_cast<io::IoStep>(step)));
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"none", "open", "read", "write", "sync", "rename", "sync directory", "wait"}));
  EXPECT_STREQ(io::io_step_name(static_cast<io::IoStep>(99)), "unknown");
}

}  // namespace
}  // namespace vmbsave::test
