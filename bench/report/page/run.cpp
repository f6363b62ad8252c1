#include "report/page/run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "report/doctor.hpp"
#include "report/json_file.hpp"
#include "report/page/figure.hpp"
#include "report/results_table.hpp"

namespace vmbsave::page {
namespace {

namespace fs = std::filesystem;

constexpr std::array kSchemas{"vmbsave-bench-1",  "vmbsave-load-1",   "vmbsave-live-1", "vmbsave-host-1",
                              "vmbsave-replay-1", "vmbsave-doctor-1", "vmbsave-gate-1"};

// Asks for all that the page shows of it.
void expect_whole(const fs::path& file, const Json& json) {
  try {
    const std::string schema = json.at("schema");
    if (schema == "vmbsave-doctor-1") {
      (void)report::doctor_table(json.at("doctor"));
    } else if (schema != "vmbsave-gate-1") {
      report::ResultsTable().add(json);
    }
    const Run alone{"", {{file, json}}};
    for (const Figure& figure : figures()) (void)figure.of(alone);
  } catch (const Json::exception&) {
    throw std::runtime_error(fmt::format("{}: a result of vmbsave, but damaged; make it again", file.string()));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", file.string(), error.what()));
  }
}

Result read_result(const fs::path& file) {
  Result result{file, report::read_json(file)};
  const Json& json = result.json;
  const bool has_schema = json.is_object() && json.contains("schema") && json["schema"].is_string();
  const std::string schema = has_schema ? json["schema"].get<std::string>() : "none";
  if (std::find(kSchemas.begin(), kSchemas.end(), schema) == kSchemas.end()) {
    throw std::runtime_error(
        fmt::format("{}: its schema is {}; expected one of {}", file.string(), schema, fmt::join(kSchemas, ", ")));
  }
  expect_whole(file, json);
  return result;
}

bool is_result_name(const fs::path& file) {
  const std::string name = file.filename().string();
  return !name.starts_with('.') && (name.ends_with(".json") || name.ends_with(".json.xz"));
}

std::vector<fs::path> result_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (is_result_name(entry.path())) files.push_back(entry.path());
  }
  if (files.empty()) {
    throw std::runtime_error(
        fmt::format("{}: no *.json and no *.json.xz in it; expected a folder that bench/run made", folder.string()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// "results/RUN/" too.
std::string last_part(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

}  // namespace

std::vector<const Json*> Run::of(std::string_view schema) const {
  std::vector<const Json*> found;
  for (const Result& result : results) {
    if (result.json.at("schema") == schema) found.push_back(&result.json);
  }
  return found;
}

const Json* Run::bench() const {
  const std::vector<const Json*> all = of("vmbsave-bench-1");
  const auto fewer = [](const Json* a, const Json* b) { return a->at("rows").size() < b->at("rows").size(); };
  return all.empty() ? nullptr : *std::max_element(all.begin(), all.end(), fewer);
}

const Json* Run::context() const {
  if (const Json* const main = bench()) return main;
  const auto found = std::find_if(results.begin(), results.end(),
                                  [](const Result& result) { return result.json.contains("machine"); });
  return found == results.end() ? nullptr : &found->json;
}

bool is_same_machine(const Json& a, const Json& b) {
  constexpr std::array kFacts{"cpu", "cpus_allowed", "hypervisor"};
  return std::all_of(kFacts.begin(), kFacts.end(),
                     [&](const char* fact) { return a.at("machine").at(fact) == b.at("machine").at(fact); });
}

Run read_run(const fs::path& path) {
  if (!fs::exists(path)) throw std::runtime_error(fmt::format("{}: there is no such file or folder", path.string()));
  Run run{last_part(path), {}};
  if (fs::is_directory(path)) {
    for (const fs::path& file : result_files(path)) run.results.push_back(read_result(file));
  } else {
    run.results.push_back(read_result(path));
  }
  return run;
}

}  // namespace vmbsave::page
