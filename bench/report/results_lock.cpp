#include "report/results_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace vmbsave::report {

ResultsLock::ResultsLock(const std::filesystem::path& results)
    : folder_(open(results.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  int locked = -1;
  while (folder_ >= 0 && (locked = flock(folder_, LOCK_EX)) != 0 && errno == EINTR) continue;
  if (locked == 0) return;
  const int error = errno;
  if (folder_ >= 0) close(folder_);
  throw std::runtime_error(fmt::format("cannot lock {}: {}", results.string(), std::strerror(error)));
}

ResultsLock::~ResultsLock() { close(folder_); }

}  // namespace vmbsave::report
