#include "report/compare_side.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "report/facts_text.hpp"
#include "report/same_machine.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

std::string value_text(const Json& block, const std::string& key) {
  return block.contains(key) ? block.at(key).dump() : "not known";
}

void expect_one_machine(const ComparedSide& side, const NamedResult& other) {
  const Json& machine = other.json.at("machine");
  if (const std::string key = machine_difference(side.machine, machine); !key.empty()) {
    throw std::runtime_error(fmt::format("{}: results of two machines in one run: {} is {} and, in {}, {}", side.name,
                                         key, value_text(side.machine, key), other.file, value_text(machine, key)));
  }
}

void expect_one_build(const ComparedSide& side, const NamedResult& other) {
  const Json& build = other.json.at("build");
  for (const char* const key : {"commit", "flags", "build_type", "check_level", "sanitizer"}) {
    if (side.build.at(key) == build.at(key)) continue;
    throw std::runtime_error(fmt::format("{}: results of two builds in one run: {} is {} and, in {}, {}", side.name,
                                         key, value_text(side.build, key), other.file, value_text(build, key)));
  }
}

void add_once(std::vector<std::string>& words, const std::string& word) {
  if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
}

void add_result(ComparedSide& side, const NamedResult& result) {
  const Json& json = result.json;
  if (side.machine.is_null()) {
    side.machine = json.at("machine");
    side.build = json.at("build");
    side.libraries = json.value("libraries", Json::object());
  }
  expect_one_machine(side, result);
  expect_one_build(side, result);
  const std::string started = json.value("started_utc", "");
  if (side.started_utc.empty() || (!started.empty() && started < side.started_utc)) side.started_utc = started;
  add_once(side.suites, json.value("suite", json.at("schema").get<std::string>()));
  add_once(side.allocators, json.at("allocator").get<std::string>());
}

void add_rows(RunRows& run, const NamedResult& result) {
  std::vector<MeasuredRow> rows = measured_rows(result.json);
  if (rows.empty()) {
    const std::string schema = result.json.at("schema").get<std::string>();
    run.left_out.push_back(fmt::format("{}: nothing in it to compare ({})", result.file, schema));
    return;
  }
  add_result(run.side, result);
  const std::string allocator = result.json.at("allocator").get<std::string>();
  for (MeasuredRow& row : rows) {
    row.allocator = allocator;
    run.rows.push_back(std::move(row));
  }
}

void add_differences(std::vector<ExactDifference>& differences, const Json& a, const Json& b,
                     const std::string& prefix) {
  std::set<std::string> seen;
  for (const Json* const block : {&a, &b}) {
    for (const auto& [key, value] : block->items()) {
      if (!seen.insert(key).second) continue;
      const Json of_a = a.value(key, Json(nullptr));
      const Json of_b = b.value(key, Json(nullptr));
      if (of_a != of_b) differences.push_back({prefix + key, of_a, of_b});
    }
  }
}

}  // namespace

RunRows rows_of_run(const RunResults& run) {
  RunRows all{.side = {.name = run.name}, .rows = {}, .left_out = {}};
  for (const NamedResult& result : run.results) {
    try {
      add_rows(all, result);
    } catch (const Json::exception&) {
      throw std::runtime_error(fmt::format("{}: no result of vmbsave, or damaged", result.file));
    }
  }
  if (all.rows.empty()) throw std::runtime_error(fmt::format("{}: no result with rows to compare", run.name));
  return all;
}

void name_allocators(std::vector<MeasuredRow>& rows) {
  for (MeasuredRow& row : rows) {
    if (row.allocator == "glibc") continue;
    row.name += ", " + row.allocator;
    row.label += ", " + row.allocator;
  }
}

void expect_comparable(const ComparedSide& a, const ComparedSide& b, bool across_machines) {
  for (const char* const key : {"build_type", "check_level", "sanitizer"}) {
    if (a.build.at(key) == b.build.at(key)) continue;
    throw std::runtime_error(fmt::format("builds that can't be compared: {} is {} in {} and {} in {}", key,
                                         value_text(a.build, key), a.name, value_text(b.build, key), b.name));
  }
  const std::string key = machine_difference(a.machine, b.machine);
  if (key.empty() || across_machines) return;
  throw std::runtime_error(fmt::format(
      "runs of different machines: {} is {} in {} and {} in {}; --across-machines compares what was measured "
      "beside a copy in the same run",
      key, value_text(a.machine, key), a.name, value_text(b.machine, key), b.name));
}

std::vector<ExactDifference> context_differences(const ComparedSide& a, const ComparedSide& b) {
  std::vector<ExactDifference> differences;
  add_differences(differences, a.machine, b.machine, "machine.");
  add_differences(differences, a.build, b.build, "build.");
  add_differences(differences, a.libraries, b.libraries, "libraries.");
  if (a.allocators != b.allocators) differences.push_back({"allocators", a.allocators, b.allocators});
  return differences;
}

}  // namespace vmbsave::report
