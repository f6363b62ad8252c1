#include "gate/new_folder.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace vmbsave::gate {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = ".vmbsave-gate-";

}  // namespace

NewFolder::NewFolder(const fs::path& parent) {
  fs::create_directories(parent);
  std::string name = (parent / kPrefix).string() + "XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error(fmt::format("cannot write into {}", parent.string()));
  path_ = name;
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void NewFolder::keep(const fs::path& target) const {
  std::error_code error;
  fs::rename(path_, target, error);
  if (error && !fs::exists(target)) throw std::runtime_error(fmt::format("cannot write {}", target.string()));
}

void remove_abandoned_folders(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const bool is_old = fs::last_write_time(entry, ignored) < fs::file_time_type::clock::now() - std::chrono::hours(24);
    if (is_old && entry.path().filename().string().starts_with(kPrefix)) fs::remove_all(entry, ignored);
  }
}

}  // namespace vmbsave::gate
