// new_folder.hpp: a folder that is gone with its owner, unless it is kept under a name of its own.
#pragma once

#include <filesystem>
#include <string>

namespace vmbsave::gate {

class NewFolder {
 public:
  // In `parent`, which is made if need be. Its path is as long as that of any other there. Throws std::runtime_error.
  explicit NewFolder(const std::filesystem::path& parent);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

  // As a whole, under this name. If that is there already, somebody else was faster: what they made is as good.
  void keep(const std::filesystem::path& target) const;

 private:
  std::filesystem::path path_;
};

// Folders of such in `parent` whose owners were killed, a day ago or earlier.
void remove_abandoned_folders(const std::filesystem::path& parent);

}  // namespace vmbsave::gate
