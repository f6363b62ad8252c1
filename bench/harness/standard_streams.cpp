#include "harness/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace vmbsave::bench {

void occupy_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    // The lowest that is free, which is this one. Only for reading, so that lost output is an error.
    if (fcntl(stream, F_GETFD) < 0) (void)open("/dev/null", O_RDONLY);
  }
}

std::string lost_output() {
  errno = 0;
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout) return "";
  const std::string why = errno == 0 ? "earlier output was lost" : std::strerror(errno);
  return "cannot write to standard output: " + why + "; make room, or keep its reader";
}

}  // namespace vmbsave::bench
