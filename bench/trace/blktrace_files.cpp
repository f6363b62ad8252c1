#include "trace/blktrace_files.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmbsave::trace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInfix = ".blktrace.";

bool is_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

// NAME.blktrace.N; an empty name stands for any.
bool is_file_of(std::string_view file, std::string_view name) {
  const std::size_t at = file.rfind(kInfix);
  return at != file.npos && is_number(file.substr(at + kInfix.size())) && (name.empty() || file.substr(0, at) == name);
}

std::vector<fs::path> files_in(const fs::path& directory, const std::string& name) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (is_file_of(entry.path().filename().native(), name) && entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<fs::path> blktrace_files(const fs::path& path) {
  const fs::file_status status = fs::status(path);
  if (fs::is_directory(status)) return files_in(path, "");
  if (fs::is_regular_file(status)) return {path};
  const fs::path parent = path.has_parent_path() ? path.parent_path() : ".";
  if (fs::exists(status) || !path.has_filename() || !fs::is_directory(parent)) return {};
  return files_in(parent, path.filename());
}

}  // namespace vmbsave::trace
