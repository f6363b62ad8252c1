// run.hpp: the results of one run: a folder of them, or one file.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace vmbsave::page {

using Json = nlohmann::ordered_json;

struct Result {
  std::filesystem::path file;
  Json json;
};

struct Run {
  std::string name;             // the last part of its path
  std::vector<Result> results;  // in order of their files' names; at least one

  // All of one schema.
  std::vector<const Json*> of(std::string_view schema) const;

  // Of vmbsave-bench the one with the most rows; nullptr: there is none.
  const Json* bench() const;

  // What the run says of its machine and build; nullptr: nothing.
  const Json* context() const;
};

// By processor, their number, and hypervisor.
bool is_same_machine(const Json& a, const Json& b);

// Every *.json and *.json.xz of a folder, or a file. Throws std::runtime_error, in one line, for what is no result of
// vmbsave, and where there is none.
Run read_run(const std::filesystem::path& path);

}  // namespace vmbsave::page
