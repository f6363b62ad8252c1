#include "report/system_files.hpp"

#include <charconv>
#include <fstream>

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

}  // namespace vmbsave::report
