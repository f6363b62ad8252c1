#include "harness/nameless_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace vmbsave::bench {

int open_nameless(const std::filesystem::path& folder, const char* first) {
  std::string name = (folder / first).string() + "XXXXXX";
  const int file = mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "cannot make a file");
  if (unlink(name.c_str()) != 0) {
    const int error = errno;
    close(file);
    throw std::system_error(error, std::generic_category(), "cannot take away the name of a file");
  }
  return file;
}

void allocate_blocks(int file, std::uint64_t from, std::uint64_t to) {
  int error = EINTR;
  while (error == EINTR) error = posix_fallocate(file, static_cast<off_t>(from), static_cast<off_t>(to - from));
  if (error != 0) throw std::system_error(error, std::generic_category(), "no room");
}

}  // namespace vmbsave::bench
