#include "exec/cgroup_quota.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <string_view>

namespace vmbsave::exec {
namespace {

using Words = std::vector<std::string_view>;

Words split(std::string_view text, char separator) {
  Words words;
  for (std::size_t end; (end = text.find(separator)) != text.npos; text.remove_prefix(end + 1)) {
    words.push_back(text.substr(0, end));
  }
  words.push_back(text);
  return words;
}

bool contains(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Empty if the file is not there.
std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string first_line(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

// Where the process is in the hierarchy of each version, as /proc/self/cgroup says: "id:controllers:path".
struct OwnPaths {
  std::optional<std::string> v1;  // of the hierarchy with the controller
  std::optional<std::string> v2;
};

OwnPaths own_paths(const std::string& root, std::string_view controller) {
  OwnPaths paths;
  for (const std::string& line : lines_of(root + "/proc/self/cgroup")) {
    const std::size_t id_end = line.find(':');
    const std::size_t path_at = id_end == line.npos ? line.npos : line.find(':', id_end + 1);
    if (path_at == line.npos) continue;
    const auto controllers = std::string_view(line).substr(id_end + 1, path_at - id_end - 1);
    if (controllers.empty()) paths.v2 = line.substr(path_at + 1);
    if (contains(split(controllers, ','), controller)) paths.v1 = line.substr(path_at + 1);
  }
  return paths;
}

// Blanks and such are written as three octal digits behind a backslash.
std::string unescape(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    unsigned code = 0;
    const char* const digits = text.data() + 1;
    if (text.size() >= 4 && text[0] == '\\' && std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
      plain += static_cast<char>(code);
      text.remove_prefix(4);
    } else {
      plain += text[0];
      text.remove_prefix(1);
    }
  }
  return plain;
}

// A line of /proc/self/mountinfo: id, parent, device, root, mount point, options, any number of fields, "-", type,
// source, the file system's options.
struct Mount {
  std::string root;
  std::string point;
  bool v1 = false;  // of the hierarchy with the controller
  bool v2 = false;
};

std::optional<Mount> parse_mount(std::string_view line, std::string_view controller) {
  const Words words = split(line, ' ');
  const auto dash = std::find(words.begin() + std::min<std::ptrdiff_t>(6, std::ssize(words)), words.end(), "-");
  if (words.end() - dash < 4) return std::nullopt;
  return Mount{.root = unescape(words[3]),
               .point = unescape(words[4]),
               .v1 = dash[1] == "cgroup" && contains(split(dash[3], ','), controller),
               .v2 = dash[1] == "cgroup2"};
}

// The part of `path` below `root`, with a slash in front, or empty. None: the mount does not show the path.
std::optional<std::string> below(std::string_view root, std::string_view path) {
  while (root.ends_with('/')) root.remove_suffix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (!path.starts_with(root)) return std::nullopt;
  path.remove_prefix(root.size());
  if (!path.empty() && path[0] != '/') return std::nullopt;
  if (contains(split(path, '/'), "..")) return std::nullopt;  // above the process's cgroup namespace
  return std::string(path);
}

void append_levels(const std::string& point, std::string rest, bool v2, std::vector<Cgroup>& levels) {
  for (; !rest.empty(); rest.resize(rest.rfind('/'))) levels.push_back({point + rest, v2});
  levels.push_back({point, v2});
}

std::optional<std::int64_t> positive(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

std::optional<double> ratio(std::string_view quota, std::string_view period) {
  const auto q = positive(quota);
  const auto p = positive(period);
  if (!q || !p) return std::nullopt;  // "max" and -1 among them
  return static_cast<double>(*q) / static_cast<double>(*p);
}

std::optional<double> quota_of(const Cgroup& cgroup) {
  if (!cgroup.v2) {
    return ratio(first_line(cgroup.directory + "/cpu.cfs_quota_us"),
                 first_line(cgroup.directory + "/cpu.cfs_period_us"));
  }
  const std::string line = first_line(cgroup.directory + "/cpu.max");
  const Words words = split(line, ' ');
  return words.size() == 2 ? ratio(words[0], words[1]) : std::nullopt;
}

}  // namespace

std::vector<Cgroup> cgroups(const std::string& root, std::string_view controller) {
  const OwnPaths paths = own_paths(root, controller);
  std::vector<Cgroup> levels;
  for (const std::string& line : lines_of(root + "/proc/self/mountinfo")) {
    const std::optional<Mount> mount = parse_mount(line, controller);
    if (!mount || (!mount->v2 && !mount->v1)) continue;
    const std::optional<std::string>& path = mount->v2 ? paths.v2 : paths.v1;
    if (!path) continue;
    if (auto rest = below(mount->root, *path)) append_levels(root + mount->point, std::move(*rest), mount->v2, levels);
  }
  return levels;
}

std::optional<double> cgroup_quota(const std::string& root) noexcept {
  try {
    std::optional<double> smallest;
    for (const Cgroup& cgroup : cgroups(root, "cpu")) {
      const std::optional<double> quota = quota_of(cgroup);
      if (quota && (!smallest || *quota < *smallest)) smallest = quota;
    }
    return smallest;
  } catch (...) {  // no memory: the affinity mask is limit enough
    return std::nullopt;
  }
}

}  // namespace vmbsave::exec
