#include "harness/output_files.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "harness/whole_file.hpp"

namespace vmbsave::bench {
namespace {

namespace fs = std::filesystem;

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code none;
  return fs::equivalent(a, b, none) ||
         fs::weakly_canonical(fs::absolute(a), none) == fs::weakly_canonical(fs::absolute(b), none);
}

}  // namespace

void expect_usable(const std::vector<OutputFile>& outputs, const std::vector<std::string>& inputs) {
  for (auto output = outputs.begin(); output != outputs.end(); ++output) {
    if (output->path.empty()) continue;
    for (const std::string& input : inputs) {
      if (input.empty() || !is_same_file(output->path, input)) continue;
      throw std::runtime_error(
          fmt::format("{} {} would write over {}; give another file", output->flag, output->path, input));
    }
    for (auto other = outputs.begin(); other != output; ++other) {
      if (other->path.empty() || !is_same_file(output->path, other->path)) continue;
      throw std::runtime_error(
          fmt::format("{} and {} name the same file, {}; give two", other->flag, output->flag, output->path));
    }
    expect_writable(output->path);
  }
}

}  // namespace vmbsave::bench
