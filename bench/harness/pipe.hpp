// pipe.hpp: a pipe between two processes, whose ends are closed with it.
#pragma once

#include <array>
#include <cstddef>

namespace vmbsave::bench {

class Pipe {
 public:
  Pipe();  // throws std::runtime_error
  ~Pipe();
  Pipe(const Pipe&) = delete;

  int read_end() const noexcept { return ends_[0]; }
  int write_end() const noexcept { return ends_[1]; }
  void close_write_end() noexcept { close_end(1); }

 private:
  void close_end(std::size_t end) noexcept;

  std::array<int, 2> ends_{-1, -1};  // closed in whatever the process becomes
};

}  // namespace vmbsave::bench
