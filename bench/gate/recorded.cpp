#include "gate/recorded.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "report/json_file.hpp"
#include "report/same_machine.hpp"
#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

using Json = nlohmann::ordered_json;
using Files = std::vector<std::filesystem::path>;

std::vector<Json> read_runs(const Files& files) {
  std::vector<Json> runs;
  for (const std::filesystem::path& file : files) {
    runs.push_back(report::read_json(file));
    if (!runs.back().is_object() || runs.back().value("schema", "") != "vmbsave-bench-1") {
      throw std::runtime_error(fmt::format("{}: expected the JSON of 'vmbsave bench --out=FILE'", file.string()));
    }
  }
  return runs;
}

const Json* find_row(const Json& run, const std::string& name) {
  for (const Json& row : run.at("rows")) {
    if (row.at("name") == name && row.at("error").is_null()) return &row;
  }
  return nullptr;
}

double median_save(const Json& row) { return report::median_of(row.at("samples_ns").get<std::vector<double>>()); }

// The row of each run; empty: one has none.
std::vector<const Json*> rows_of(const std::vector<Json>& runs, const std::string& name) {
  std::vector<const Json*> rows;
  for (const Json& run : runs) {
    const Json* const row = find_row(run, name);
    if (row == nullptr || row->at("samples_ns").empty() || median_save(*row) <= 0) return {};
    rows.push_back(row);
  }
  return rows;
}

// Those that all runs of a side have alike.
Counts counts_of(const std::vector<const Json*>& rows) {
  Counts counts;
  counts.why_not = "recorded runs count none";
  constexpr std::pair<const char*, const char*> kCounters[] = {
      {"image_bytes", "image_bytes"}, {"allocator_calls", "allocator_calls_p50"}, {"page_faults", "page_faults_p50"}};
  for (const auto& [name, key] : kCounters) {
    if (!rows[0]->contains(key) || !rows[0]->at(key).is_number_unsigned()) continue;
    const Json& first = rows[0]->at(key);
    const auto is_same = [&, its_key = key](const Json* row) {
      return row->contains(its_key) && row->at(its_key) == first;
    };
    if (std::all_of(rows.begin(), rows.end(), is_same)) {
      counts.counters[name] = first.get<std::uint64_t>();
    } else {
      counts.varying[name] = "several values";
    }
  }
  return counts;
}

// The last look that there are enough pairs for.
std::size_t look_of(std::size_t pairs) {
  std::size_t look = 0;
  for (std::size_t i = 0; i < kLooks.size(); ++i) {
    if (kLooks[i].processes <= pairs) look = i;
  }
  return look;
}

Timing timing_of(const CaseName& name, const std::vector<const Json*>& base, const std::vector<const Json*>& head,
                 const Rule& rule, std::size_t family) {
  Timing timing;
  timing.gate_case = name;
  std::vector<double> values;
  for (std::size_t i = 0; i < base.size(); ++i) {
    const double base_ns = median_save(*base[i]);
    const double head_ns = median_save(*head[i]);
    values.push_back(std::log(head_ns / base_ns));
    timing.processes.push_back({1, {{static_cast<std::uint64_t>(base_ns), static_cast<std::uint64_t>(head_ns), 1, 1}}});
  }
  timing.look = look_of(values.size());
  timing.first = judge(std::span(&values, 1), rule, timing.look, family)[0];
  const bool is_enough = values.size() >= kLooks[0].processes && timing.first.verdict != Verdict::kMore;
  timing.verdict = is_enough ? timing.first.verdict : Verdict::kInconclusive;
  timing.why = is_enough ? fmt::format("by {} pairs of runs, not confirmed", values.size())
                         : fmt::format("not known by {} pairs of runs; {} or more are needed", values.size(),
                                       kLooks[0].processes);
  return timing;
}

void expect_one_machine(const std::vector<Json>& base, const std::vector<Json>& head) {
  const Json& first = base[0].at("machine");
  for (const std::vector<Json>* const runs : {&base, &head}) {
    for (const Json& run : *runs) {
      const Json& machine = run.at("machine");
      const std::string key = report::machine_difference(first, machine);
      if (key.empty()) continue;
      throw std::invalid_argument(fmt::format("runs of different machines can't be compared: {} is {} and {}", key,
                                              first.at(key).dump(), machine.at(key).dump()));
    }
  }
}

Build side_of(const Files& files, const std::vector<Json>& runs) {
  Build side;
  side.name = files[0].string();
  side.commit = runs[0].at("build").at("commit").get<std::string>();
  side.subject = fmt::format("{} recorded {}", files.size(), files.size() == 1 ? "run" : "runs");
  return side;
}

std::vector<CaseName> common_rows(const std::vector<Json>& base, const std::vector<Json>& head,
                                  const std::string& only) {
  const bench::Pattern pattern(only);
  std::vector<CaseName> names;
  for (const Json& row : head[0].at("rows")) {
    const CaseName name{row.at("name").get<std::string>(), row.at("threads").get<unsigned>()};
    if (pattern.finds(name.name) && !rows_of(base, name.name).empty() && !rows_of(head, name.name).empty()) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

GateRun judge_files(const Files& base_files, const Files& head_files, const ComparisonOptions& options) {
  if (base_files.size() != head_files.size() || base_files.empty()) {
    throw std::invalid_argument("as many files of --base-json as of --head-json: each is paired with its neighbour");
  }
  const std::vector<Json> base = read_runs(base_files);
  const std::vector<Json> head = read_runs(head_files);
  expect_one_machine(base, head);
  const std::vector<CaseName> names = common_rows(base, head, options.only);
  if (names.empty()) throw std::invalid_argument("nothing to compare: no row is in every run");
  GateRun run;
  run.started_utc = head[0].at("started_utc").get<std::string>();
  AgainstOne& one = run.against.emplace_back();
  one.what = "base";
  one.comparison.base = side_of(base_files, base);
  one.comparison.head = side_of(head_files, head);
  for (const CaseName& name : names) {
    const auto base_rows = rows_of(base, name.name);
    const auto head_rows = rows_of(head, name.name);
    ComparedCase& compared = one.comparison.cases.emplace_back();
    compared.evidence.gate_case = name;
    compared.evidence.timing = timing_of(name, base_rows, head_rows, options.rule, names.size());
    compared.evidence.base = counts_of(base_rows);
    compared.evidence.head = counts_of(head_rows);
    compared.verdict = verdict_on(compared.evidence, options.count_rule, {});
  }
  run.notes = {
      "what recorded runs can't tell: whether both sides had the same load, and whether their packets are the same",
      "runs one after the other call identical programs different in a quarter to a half of all tries: only exact "
      "counters are judged, until there are as many pairs as the rule asks for"};
  return run;
}

}  // namespace vmbsave::gate
