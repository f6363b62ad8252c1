// results_lock.hpp: one process at a time changes a folder of runs, and the README made of it.
#pragma once

#include <filesystem>

namespace vmbsave::report {

// From construction to destruction, or to the end of the process. Waits for another one: recording takes a second.
class ResultsLock {
 public:
  // Throws std::runtime_error naming the folder.
  explicit ResultsLock(const std::filesystem::path& results);
  ~ResultsLock();
  ResultsLock(const ResultsLock&) = delete;

 private:
  int folder_;
};

}  // namespace vmbsave::report
