// run.hpp: the results of one run: a folder of them, or one file.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "report/run_results.hpp"

namespace vmbsave::page {

using Json = nlohmann::ordered_json;

struct Run {
  std::string title;  // the last part of its path
  report::RunResults read;

  // All of one schema.
  std::vector<const report::NamedResult*> named(std::string_view schema) const;
  std::vector<const Json*> of(std::string_view schema) const;

  // Of vmbsave-bench the one with the most rows; nullptr: there is none.
  const report::NamedResult* named_bench() const;
  const Json* bench() const;

  // What the run says of its machine and build; nullptr: nothing.
  const report::NamedResult* named_context() const;
  const Json* context() const;
};

// As report::read_run. Throws std::runtime_error, in one line, also for what a page cannot show.
Run read_page_run(const std::filesystem::path& path);

}  // namespace vmbsave::page
