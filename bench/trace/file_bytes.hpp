#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>

#include "trace/trace_error.hpp"

namespace vmbsave::trace {

/// The bytes of a file, front to back. `start` names it in errors and is kept.
class FileBytes {
 public:
  FileBytes(const std::filesystem::path& path, const Place& start);

  /// Fills `out`; fewer bytes only at the end of the file.
  std::size_t read(char* out, std::size_t size);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  Place place_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace vmbsave::trace
