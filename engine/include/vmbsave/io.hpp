/// @file io.hpp
/// Where an image goes to and comes from: memory, a file, a socket or a pipe, behind one interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vmbsave/status.hpp"

#ifndef _WIN32
#pragma GCC visibility push(default)  // a shared library exports what is declared from here on
#endif

/// Sinks and sources of images.
namespace vmbsave::io {

/// What was being done when input or output failed.
enum class IoStep : std::uint8_t {
  kNone,           ///< nothing failed
  kOpen,           ///< opening or creating the file
  kRead,           ///< reading
  kWrite,          ///< writing
  kSync,           ///< making the bytes durable
  kRename,         ///< giving the finished file its name
  kSyncDirectory,  ///< making the name durable
  kWait,           ///< waiting for the other end of a socket or pipe
};

/// The name of a step.
///
/// @param step  the step
/// @return such as "sync directory"
const char* io_step_name(IoStep step) noexcept;

/// Why a sink or source failed, for its first failure.
///
///   kInsufficientResources  no memory, no descriptors, ENOSPC, EDQUOT, EFBIG
///   kQuotaExceeded          more bytes than the sink may hold
///   kIoTimeout              the other end took or gave nothing for the time allowed
///   kCancelled              nobody wants the image any more (Patience)
///   kConnectionDisconnected the other end is gone
///   kObjectNameNotFound     no such file or folder
///   kAccessDenied           not allowed
///   kInvalidParameter       options that no file can have; a path of what is no file (EISDIR: a folder, else ESPIPE)
///   kUnexpectedIoError      any other
///   kInvalidDeviceState     calls out of order
struct IoError {
  Status status = Status::kSuccess;  ///< kSuccess: nothing failed
  IoStep step = IoStep::kNone;       ///< what was being done
  int error = 0;                     ///< errno; 0: none was given
  std::uint64_t offset = 0;          ///< bytes that were written or read before
};

/// Asked by a sink whose other end takes nothing, whether that is still worth waiting for.
class Patience {
 public:
  /// From inside the sink's write() or finish(), before it waits, and every 10 ms while it does. Waits for nobody.
  ///
  /// @return kSuccess: as long as the sink's own timeout allows; else the sink fails: kIoTimeout or kCancelled
  virtual Status check() noexcept = 0;

 protected:
  ~Patience() = default;
};

/// Takes the bytes of an image, in order. Used by one thread at a time. After a failure every call fails with the same
/// status, and nothing is left behind where the sink can see to it. Raises no signal, whatever a write meets.
class Sink {
 public:
  /// Without finish() before: as abandon().
  virtual ~Sink() = default;

  /// Appends. The bytes are the caller's again when it returns. May wait for a disk or for the other end.
  ///
  /// @param bytes  any number
  /// @return kSuccess, or as IoError::status
  virtual Status write(std::span<const std::byte> bytes) noexcept = 0;

  /// The same all the time, however few were written.
  ///
  /// @return how many of the first bytes may be written again before finish(): 0 where bytes leave at once
  virtual std::size_t rewritable() const noexcept { return 0; }

  /// Writes the first bytes again.
  ///
  /// @param bytes  no more than rewritable(), and no more than were written
  /// @return kSuccess, kInvalidParameter if that is not possible, or as IoError::status
  virtual Status rewrite(std::span<const std::byte> bytes) noexcept = 0;

  /// Ends the image: it is where it belongs, whole and as durable as the sink makes it, or this fails.
  ///
  /// @return kSuccess, or as IoError::status
  virtual Status finish() noexcept = 0;

  /// Whom to ask while the other end is waited for, beside the sink's own timeout: so another thread can have the sink
  /// give up. What waits for no other end, as memory and files, asks nobody.
  ///
  /// @param patience  stays until another one takes its place; nullptr, as at first: nobody
  virtual void set_patience(Patience* patience) noexcept { (void)patience; }

  /// Gives up: what can be taken back is.
  virtual void abandon() noexcept = 0;

  /// @return the first failure
  virtual const IoError& error() const noexcept = 0;

  /// @return bytes of memory held at most at any time so far, beside the caller's own
  virtual std::uint64_t peak_bytes() const noexcept = 0;
};

/// Gives the bytes of an image, in order. Used by one thread at a time.
class Source {
 public:
  virtual ~Source() = default;

  /// Reads as many bytes as `bytes` has room for; fewer only where the source ends or fails.
  ///
  /// @param bytes  where to
  /// @param got    how many it were
  /// @return kSuccess, also at the end; or as IoError::status
  virtual Status read(std::span<std::byte> bytes, std::size_t& got) noexcept = 0;

  /// @return bytes in all, if that is known before they are read; else UINT64_MAX
  virtual std::uint64_t size() const noexcept { return UINT64_MAX; }

  /// @return the first failure
  virtual const IoError& error() const noexcept = 0;

  /// @return bytes of memory held at most at any time so far, beside the caller's own
  virtual std::uint64_t peak_bytes() const noexcept = 0;
};

/// How a file is written or read. If the process forks meanwhile, only the parent goes on.
struct FileOptions {
  bool direct = true;                   ///< past the page cache (O_DIRECT), where the file system takes it
  bool uring = true;                    ///< through io_uring, where the kernel allows it; else pwrite and pread
  bool durable = true;                  ///< finish() waits for the disk; off: only the name is given atomically
  unsigned buffers = 4;                 ///< 1 to 1,024: writes or reads under way at once; 1 without io_uring
  std::size_t buffer_bytes = 1u << 20;  ///< of each; a multiple of 4096, at most 1 GiB
};

/// How a socket or pipe is used.
struct StreamOptions {
  std::uint64_t timeout_ns = 30'000'000'000;  ///< longest wait for the other end to take or give a byte; 0: for ever
  std::size_t buffer_bytes = 256u << 10;      ///< gathered before they are sent, or fetched at once
};

/// A sink of memory.
///
/// @param bytes      gets the image; what it held is gone. Stays as long as the sink; empty if there is no image
/// @param max_bytes  most that it may become; more is kQuotaExceeded
/// @return the sink; nullptr: no memory
std::unique_ptr<Sink> make_memory_sink(std::vector<std::byte>& bytes, std::uint64_t max_bytes = UINT64_MAX) noexcept;

/// A source of memory.
///
/// @param bytes  the image, valid as long as the source
/// @return the source; nullptr: no memory
std::unique_ptr<Source> make_memory_source(std::span<const std::byte> bytes) noexcept;

/// A sink of a file that appears under its name whole, or not at all: written under a temporary name in the same
/// folder, `.NAME.vmbsave-XXXXXX`, synced, renamed, the folder synced. Whoever opens `path` meanwhile finds what was
/// there before. Only a process that is killed leaves the temporary file. If finish() fails at kSyncDirectory, the file
/// is whole and has its name, and it is open whether it has it after a power failure.
///
/// A file that is replaced gives the new one its permissions; a new one has 0666 less the umask. A symbolic link stays:
/// the file it points to is replaced, or made. A character device that can seek (/dev/null) is written in place,
/// neither synced nor renamed. Anything else that is no regular file is refused.
///
/// @param path     where the image belongs
/// @param options  how
/// @param error    why there is no sink
/// @return the sink, or nullptr
std::unique_ptr<Sink> create_file(const char* path, const FileOptions& options, IoError& error) noexcept;

/// A source of a file, as long as it is when it is opened. One that becomes shorter meanwhile ends where it ends.
///
/// @param path     a regular file; anything else is refused, without waiting for a FIFO's other end
/// @param options  how
/// @param error    why there is no source
/// @return the source, or nullptr
std::unique_ptr<Source> open_file(const char* path, const FileOptions& options, IoError& error) noexcept;

/// A sink of a connected stream socket or the write end of a pipe. A receiver that is slow is waited for. finish()
/// hands the last byte to the kernel; whether it arrived only the other end can say.
///
/// O_NONBLOCK of the descriptor may be either way, and is never changed: others may share it. A pipe should have no
/// other writer meanwhile: one could make the sink wait for longer than the timeout.
///
/// @param descriptor  stays the caller's, and open as long as the sink
/// @param options     how
/// @return the sink; nullptr: no memory
std::unique_ptr<Sink> make_stream_sink(int descriptor, const StreamOptions& options) noexcept;

/// A source of a connected stream socket or the read end of a pipe. May have taken more of the stream than it was asked
/// for; with buffer_bytes 0 it has not. What holds for a sink's descriptor holds here, for other readers.
///
/// @param descriptor  stays the caller's, and open as long as the source
/// @param options     how
/// @return the source; nullptr: no memory
std::unique_ptr<Source> make_stream_source(int descriptor, const StreamOptions& options) noexcept;

}  // namespace vmbsave::io

#ifndef _WIN32
#pragma GCC visibility pop
#endif
