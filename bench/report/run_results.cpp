#include "report/run_results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "report/json_file.hpp"

namespace vmbsave::report {
namespace {

namespace fs = std::filesystem;

bool is_result_name(const fs::path& file) {
  const std::string name = file.filename().string();
  return !name.starts_with('.') && (name.ends_with(".json") || name.ends_with(".json.xz"));
}

std::vector<fs::path> result_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file() && is_result_name(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    throw std::runtime_error(
        fmt::format("{}: expected a folder of a run, with *.json or *.json.xz in it, or one such "
                    "file",
                    path.string()));
  }
  return files;
}

}  // namespace

RunResults read_run(const fs::path& path) {
  if (!fs::exists(path)) throw std::runtime_error(fmt::format("{}: there is no such file or folder", path.string()));
  RunResults run{path.string(), {}};
  for (const fs::path& file : result_files(path)) {
    nlohmann::ordered_json json = read_json(file);
    if (!json.is_object() || !json.contains("schema") || !json.at("schema").is_string()) {
      throw std::runtime_error(fmt::format("{}: expected a result of vmbsave, JSON with a schema", file.string()));
    }
    run.results.push_back({file.string(), std::move(json)});
  }
  return run;
}

}  // namespace vmbsave::report
