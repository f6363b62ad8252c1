#include "report/system_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <fstream>
#include <sstream>

namespace vmbsave::report {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

std::optional<std::string> read_line(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line) || trimmed(line).empty()) return std::nullopt;
  return std::string(trimmed(line));
}

std::optional<std::string> value_of(const std::filesystem::path& file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || trimmed(std::string_view(line).substr(0, colon)) != key) continue;
    return std::string(trimmed(std::string_view(line).substr(colon + 1)));
  }
  return std::nullopt;
}

std::optional<unsigned> cpus_in_list(const std::optional<std::string>& list) {
  if (!list) return std::nullopt;
  unsigned count = 0;
  const char* at = list->data();
  const char* const end = at + list->size();
  while (at < end) {
    unsigned first = 0;
    auto read = std::from_chars(at, end, first);
    if (read.ec != std::errc{}) return std::nullopt;
    unsigned last = first;
    if (read.ptr < end && *read.ptr == '-') read = std::from_chars(read.ptr + 1, end, last);
    if (read.ec != std::errc{} || last < first || (read.ptr < end && *read.ptr != ',')) return std::nullopt;
    count += last - first + 1;
    at = read.ptr + 1;
  }
  return count == 0 ? std::nullopt : std::optional(count);
}

std::optional<std::string> file_system_of(const std::filesystem::path& folder, const std::filesystem::path& root) {
  struct stat there {};
  if (stat(folder.c_str(), &there) != 0) return std::nullopt;
  const std::string device = fmt::format("{}:{}", major(there.st_dev), minor(there.st_dev));
  std::ifstream in(root / "proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    // Its number, its parent's, the device, ..., a hyphen, the kind.
    std::istringstream words(line);
    std::string word;
    for (int i = 0; i < 3; ++i) words >> word;
    if (word != device) continue;
    while (words >> word && word != "-") {
    }
    if (words >> word) return word;
  }
  return std::nullopt;
}

}  // namespace vmbsave::report
