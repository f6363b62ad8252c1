#include "harness/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace vmbsave::bench {

void occupy_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    // The lowest that is free, which is this one. Only for reading, so that lost output is an error.
    if (fcntl(stream, F_GETFD) < 0) (void)open("/dev/null", O_RDONLY);
  }
}

}  // namespace vmbsave::bench
