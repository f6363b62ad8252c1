#include "harness/pipe.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace vmbsave::bench {

Pipe::Pipe() {
  if (pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::runtime_error(fmt::format("no pipe: {}", std::strerror(errno)));
}

Pipe::~Pipe() {
  close_end(0);
  close_end(1);
}

void Pipe::close_end(std::size_t end) noexcept {
  if (ends_[end] >= 0) close(ends_[end]);
  ends_[end] = -1;
}

}  // namespace vmbsave::bench
