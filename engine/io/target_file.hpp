// target_file.hpp: a file that takes a name when it is whole. Until then it is `.NAME.vmbsave-XXXXXX` beside it, which
// is what a process that is killed leaves behind.
//
// A link is followed: the file it points to is replaced. A character device is no place for a rename: it is written in
// place. A folder, a FIFO, a socket or a block device is refused.
#pragma once

#include <cstdint>
#include <string>

#include "io/descriptor.hpp"
#include "vmbsave/io.hpp"

namespace vmbsave::io {

class TargetFile {
 public:
  TargetFile() noexcept = default;
  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;
  ~TargetFile() { remove(); }

  // Throws std::bad_alloc. A file that is replaced gives the new one its permissions.
  IoError open(const char* path);

  int descriptor() const noexcept { return file_.get(); }

  // Gives the file its name, after `bytes` bytes. Where it fails at kSyncDirectory the file has its name already, and
  // what was there before is gone.
  IoError commit(bool durable, std::uint64_t bytes) noexcept;

  // Without effect after commit().
  void remove() noexcept;

 private:
  IoError open_device(const char* path) noexcept;
  IoError create_temporary(unsigned mode, bool replaces);
  int sync_folder() const noexcept;

  Descriptor folder_;
  Descriptor file_;
  std::string name_;
  std::string temporary_;  // empty: there is none
  bool in_place_ = false;
};

}  // namespace vmbsave::io
