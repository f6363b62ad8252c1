#include "report/results_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "report/facts_text.hpp"
#include "report/marked_part.hpp"
#include "report/results_folder.hpp"
#include "report/run_results.hpp"
#include "scenarios/save_latency/point.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kIndexHead =
    "| begun (UTC) | commit | machine | suite | fused save, ms | x floor | x faster than seq | run |\n"
    "|---|---|---|---|---|---|---|---|\n";

const Json& bench_of(const RunResults& run) {
  const auto found = std::find_if(run.results.begin(), run.results.end(), [](const NamedResult& result) {
    return result.json.at("schema") == "vmbsave-bench-1";
  });
  if (found == run.results.end()) throw std::runtime_error("expected the JSON of vmbsave-bench in it");
  return found->json;
}

// nullptr: it was not run, or failed.
const Json* fused_row(const Json& bench, unsigned threads) {
  const std::string name = fmt::format("save/engine/fused/{}/threads:{}", bench::point_name({}), threads);
  for (const Json& row : bench.at("rows")) {
    if (row.at("name") == name) return row.at("error").is_null() ? &row : nullptr;
  }
  return nullptr;
}

std::string cell(const Json& value, double unit, const char* form) {
  return value.is_null() ? "-" : fmt::format(fmt::runtime(form), value.get<double>() / unit);
}

// With one thread and with two.
std::string both(const Json& bench, const char* key, double unit, const char* form) {
  std::string text;
  for (const unsigned threads : {1u, 2u}) {
    const Json* const row = fused_row(bench, threads);
    text += (threads == 1 ? "" : " / ") + (row == nullptr ? "-" : cell(row->at(key).at("p50"), unit, form));
  }
  return text;
}

// 2026-11-29T11:05:50Z
std::string minute(const std::string& utc) {
  return utc.size() < 16 ? utc : utc.substr(0, 10) + " " + utc.substr(11, 5);
}

std::string index_line(const fs::path& folder, const std::string& link) {
  try {
    const RunResults run = read_run(folder);
    const Json& bench = bench_of(run);
    return fmt::format("| {} | {} | {} | {} | {} | {} | {} | [{}]({}) |\n",
                       minute(bench.at("started_utc").get<std::string>()), commit_text(bench.at("build")),
                       machine_text(bench.at("machine")), known_text(bench.at("suite")),
                       both(bench, "save_ns", 1e6, "{:.3f}"), both(bench, "ratio_to_floor", 1, "{:.2f}"),
                       both(bench, "times_faster_than_documented_sequential", 1, "{:.2f}"), link, link);
  } catch (const Json::exception&) {
    throw std::runtime_error(fmt::format("{}: no result of vmbsave, or damaged", folder.string()));
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", folder.string(), error.what()));
  }
}

std::string index_table(const fs::path& index, const fs::path& results) {
  std::string lines;
  for (const fs::path& folder : recorded_runs(results)) {
    lines += index_line(folder, fs::relative(folder, fs::absolute(index).parent_path()).generic_string());
  }
  return lines.empty() ? kNoRecordedRun : kIndexHead + lines;
}

}  // namespace

std::string with_index(const fs::path& index, const std::string& text, const fs::path& results) {
  return with_marked_part(index, text, "runs", index_table(index, results));
}

}  // namespace vmbsave::report
