// in_a_folder.hpp: a test with a folder of its own, which is gone afterwards.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace vmbsave::tests {

class InAFolder : public testing::Test {
 protected:
  InAFolder() { std::filesystem::create_directory(folder_); }
  ~InAFolder() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("vmbsave_e2e_" + std::to_string(getpid()));
};

}  // namespace vmbsave::tests
