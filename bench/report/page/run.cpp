#include "report/page/run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "report/doctor.hpp"
#include "report/page/commands.hpp"
#include "report/page/figure.hpp"
#include "report/results_table.hpp"

namespace vmbsave::page {
namespace {

namespace fs = std::filesystem;

constexpr std::array kSchemas{"vmbsave-bench-1",  "vmbsave-load-1",   "vmbsave-live-1", "vmbsave-host-1",
                              "vmbsave-replay-1", "vmbsave-doctor-1", "vmbsave-gate-1"};

// Asks for all that the page shows of it.
void expect_whole(const report::NamedResult& result) {
  const auto& [file, json] = result;
  try {
    const std::string schema = json.at("schema");
    if (schema == "vmbsave-doctor-1") {
      (void)report::doctor_table(json.at("doctor"));
    } else if (schema != "vmbsave-gate-1") {
      report::ResultsTable().add(json);
    }
    const Run alone{"", {"", {result}}};
    for (const Figure& figure : figures()) (void)figure.of(alone);
    (void)command_of(result);
  } catch (const Json::exception&) {
    throw std::runtime_error(fmt::format("{}: a result of vmbsave, but damaged; make it again", file));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", file, error.what()));
  }
}

void expect_shown(const report::NamedResult& result) {
  const std::string schema = result.json.at("schema");
  if (std::find(kSchemas.begin(), kSchemas.end(), schema) == kSchemas.end()) {
    throw std::runtime_error(
        fmt::format("{}: its schema is {}; expected one of {}", result.file, schema, fmt::join(kSchemas, ", ")));
  }
  expect_whole(result);
}

const Json* json_of(const report::NamedResult* result) { return result == nullptr ? nullptr : &result->json; }

// "results/RUN/" too.
std::string last_part(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

}  // namespace

std::vector<const report::NamedResult*> Run::named(std::string_view schema) const {
  std::vector<const report::NamedResult*> found;
  for (const report::NamedResult& result : read.results) {
    if (result.json.at("schema") == schema) found.push_back(&result);
  }
  return found;
}

std::vector<const Json*> Run::of(std::string_view schema) const {
  std::vector<const Json*> found;
  for (const report::NamedResult* const result : named(schema)) found.push_back(&result->json);
  return found;
}

const report::NamedResult* Run::named_bench() const {
  const std::vector<const report::NamedResult*> all = named("vmbsave-bench-1");
  const auto fewer = [](const report::NamedResult* a, const report::NamedResult* b) {
    return a->json.at("rows").size() < b->json.at("rows").size();
  };
  return all.empty() ? nullptr : *std::max_element(all.begin(), all.end(), fewer);
}

const Json* Run::bench() const { return json_of(named_bench()); }

const report::NamedResult* Run::named_context() const {
  if (const report::NamedResult* const main = named_bench()) return main;
  const auto found = std::find_if(read.results.begin(), read.results.end(),
                                  [](const report::NamedResult& result) { return result.json.contains("machine"); });
  return found == read.results.end() ? nullptr : &*found;
}

const Json* Run::context() const { return json_of(named_context()); }

Run read_page_run(const fs::path& path) {
  Run run{last_part(path), report::read_run(path)};
  for (const report::NamedResult& result : run.read.results) expect_shown(result);
  return run;
}

}  // namespace vmbsave::page
