// run_results.hpp: a run as the JSON that it left: the files of its folder, or one file.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vmbsave::report {

struct NamedResult {
  std::string file;
  nlohmann::ordered_json json;  // an object with a `schema`
};

struct RunResults {
  std::string name;  // of the folder or file, as given
  std::vector<NamedResult> results;
};

// Of a folder: its *.json and *.json.xz, in order of their names. Throws std::runtime_error, in one line that names the
// file, if there are none or one is no result.
RunResults read_run(const std::filesystem::path& path);

}  // namespace vmbsave::report
