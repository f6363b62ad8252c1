#include "trace/octf_events.hpp"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <exception>
#include <string>

#include "octf.pb.h"
#include "trace/readers.hpp"

namespace vmbsave::trace {
namespace {

namespace pbio = google::protobuf::io;

constexpr std::uint64_t kMaxMessageBytes = 1 << 20;  // real ones have about 100; damage must not allocate wildly

// The bytes of a queue's file for protobuf. No exception may cross protobuf, so a failure waits here.
class Bytes final : public pbio::CopyingInputStream {
 public:
  explicit Bytes(const QueueFile& file) : file_(file) {}

  int Read(void* out, int size) override {
    try {
      return static_cast<int>(file_.read(static_cast<char*>(out), static_cast<std::size_t>(size)));
    } catch (...) {
      failure_ = std::current_exception();
      return -1;
    }
  }

  void rethrow_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const QueueFile& file_;
  std::exception_ptr failure_;
};

// The messages of a queue's file, each behind its length.
class Messages {
 public:
  explicit Messages(const QueueFile& file) : place_(file.start), bytes_(file), stream_(&bytes_) {}

  /// False at the end of the file.
  bool next() {
    place_.offset = static_cast<std::uint64_t>(stream_.ByteCount());
    pbio::CodedInputStream in(&stream_);  // one a message: its own limit on total bytes never comes into play
    const void* data = nullptr;
    int size = 0;
    if (!in.GetDirectBufferPointer(&data, &size)) {
      bytes_.rethrow_failure();
      return false;
    }
    read_body(in, read_length(in));
    if (!message_.ParseFromString(body_)) fail("an event of an octf trace", "bytes that protobuf cannot decode");
    return true;
  }

  const octf::Message& message() const { return message_; }
  const Place& place() const { return place_; }

  [[noreturn]] void fail(std::string_view expected, std::string_view found) const {
    throw TraceError(place_, fmt::format("expected {}, found {}", expected, found));
  }

 private:
  int read_length(pbio::CodedInputStream& in) {
    std::uint64_t length = 0;
    if (!in.ReadVarint64(&length)) {
      bytes_.rethrow_failure();
      fail("the length of a message as a varint", "the end of the file or more than 10 bytes of varint");
    }
    if (length > kMaxMessageBytes) {
      fail(fmt::format("a message of at most {} bytes", kMaxMessageBytes), fmt::format("a length of {}", length));
    }
    return static_cast<int>(length);
  }

  void read_body(pbio::CodedInputStream& in, int length) {
    const int begin = in.CurrentPosition();
    if (in.ReadString(&body_, length)) return;
    bytes_.rethrow_failure();
    fail(fmt::format("a message of {} bytes", length),
         fmt::format("the end of the file after {} (is the file cut off?)", in.CurrentPosition() - begin));
  }

  Place place_;  // of the message last read
  Bytes bytes_;
  pbio::CopyingInputStreamAdaptor stream_;
  std::string body_;
  octf::Message message_;
};

Operation operation_of(const Messages& messages, std::uint32_t operation) {
  if (operation == 1) return Operation::kRead;
  if (operation == 2) return Operation::kWrite;
  if (operation == 3) return Operation::kDiscard;
  messages.fail("operation 1 (read), 2 (write) or 3 (discard)", std::to_string(operation));
}

OctfEvent event_of(const Messages& messages, OctfKind kind, std::uint64_t id, std::uint16_t queue) {
  const octf::Header& header = messages.message().header();
  if (id == 0) messages.fail("the id of a request", "none (traces recorded without ids cannot be read)");
  return {.time_ns = header.timestamp_ns(),
          .sid = header.sid(),
          .id = id,
          .offset = messages.place().offset,
          .queue = queue,
          .kind = kind};
}

OctfEvent submission_of(const Messages& messages, std::uint16_t queue) {
  constexpr std::uint32_t kMaxSectors = UINT32_MAX / kSectorBytes;
  const octf::Submission& submission = messages.message().submission();
  const std::uint32_t sectors = submission.sectors();
  // A cache flush moves no data. One that comes with data is a write like any other.
  if (sectors == 0 && submission.flush()) return event_of(messages, OctfKind::kFlush, submission.id(), queue);
  if (sectors == 0 || sectors > kMaxSectors) {
    messages.fail(fmt::format("1 to {} sectors", kMaxSectors), std::to_string(sectors));
  }
  OctfEvent event = event_of(messages, OctfKind::kSubmission, submission.id(), queue);
  event.lba = submission.lba();
  event.bytes = sectors * kSectorBytes;
  event.operation = operation_of(messages, submission.operation());
  return event;
}

void check_header(const Messages& messages) {
  const octf::Message& message = messages.message();
  if (!message.has_header()) messages.fail("an event with a header (field 1)", "none (is this an octf trace?)");
  const std::uint64_t time = message.header().timestamp_ns();
  if (time > kMaxTimeNs) messages.fail("a time stamp below 2^63 ns", std::to_string(time));
}

}  // namespace

std::uint64_t read_octf_events(const QueueFile& file, Spool<OctfEvent>& events) {
  Messages messages(file);
  std::uint64_t count = 0;
  for (; messages.next(); ++count) {
    check_header(messages);
    const octf::Message& message = messages.message();
    if (message.has_submission()) events.push_back(submission_of(messages, file.queue));
    if (message.has_completion()) {
      events.push_back(event_of(messages, OctfKind::kCompletion, message.completion().id(), file.queue));
    }
  }
  // Even an idle queue's file begins with a description of the device.
  if (messages.place().offset == 0) {
    messages.fail("events", "an empty file (if the queue was idle, take the file away)");
  }
  return count;
}

}  // namespace vmbsave::trace
