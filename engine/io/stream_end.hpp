// stream_end.hpp: one end of a connected stream socket or a pipe, whose descriptor is somebody else's.
//
// O_NONBLOCK belongs to the open file, which other descriptors and other processes may share (a shell and its
// pipeline): setting it would change theirs, and a process that is killed could not put it back. So it is never
// touched. A socket says MSG_DONTWAIT with each call. A pipe is asked first whether it takes or has something; no more
// than PIPE_BUF bytes then go at once, for which a pipe that takes anything has room. That holds for one writer and one
// reader: another one on the same pipe could get there in between, and then the call waits as long as the pipe makes
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vmbsave/io.hpp"

namespace vmbsave::io {

class StreamEnd {
 public:
  StreamEnd(int fd, std::uint64_t timeout_ns) noexcept;

  // Moves what goes at once, and waits where nothing does. Bytes moved: at least one, or 0 where the stream ends; or a
  // negative errno: -ETIMEDOUT if nothing went for the time allowed, or as patience ends, -ECANCELED. `bytes` is not
  // empty. send() may raise SIGPIPE on a pipe.
  std::int64_t send(std::span<const std::byte> bytes) const noexcept;
  std::int64_t receive(std::span<std::byte> bytes) const noexcept;

  // Asked from inside both. nullptr: nobody.
  void set_patience(Patience* patience) noexcept { patience_ = patience; }

 private:
  template <class Move>
  std::int64_t move(short event, Move&& move) const noexcept;
  int wait(short event, std::uint64_t since_ns) const noexcept;

  int fd_;
  std::uint64_t timeout_ns_;
  bool is_socket_;
  Patience* patience_ = nullptr;
};

}  // namespace vmbsave::io
