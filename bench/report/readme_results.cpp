#include "report/readme_results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "report/bench_table.hpp"
#include "report/facts_text.hpp"
#include "report/marked_part.hpp"
#include "report/replay_report.hpp"
#include "report/results_folder.hpp"
#include "report/run_results.hpp"
#include "scenarios/save_latency/point.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kPicture = "latency.svg";

struct Run {
  Json bench;
  std::vector<Json> replays;
};

auto replay_order(const Json& replay) {
  const Json& service_time = replay.at("service_time_ns");
  return std::tuple(replay.at("trace").get<std::string>(), replay.at("vms").get<std::uint64_t>(),
                    service_time.is_null() ? 0 : service_time.get<std::uint64_t>(),
                    replay.at("threads").get<std::uint64_t>());
}

Run tables_of(const fs::path& folder) {
  Run run;
  for (NamedResult& result : read_run(folder).results) {
    const std::string schema = result.json.at("schema").get<std::string>();
    if (schema == "vmbsave-bench-1") run.bench = std::move(result.json);
    if (schema == "vmbsave-replay-1") run.replays.push_back(std::move(result.json));
  }
  if (run.bench.is_null()) throw std::runtime_error("expected the JSON of vmbsave-bench in it");
  std::sort(run.replays.begin(), run.replays.end(),
            [](const Json& a, const Json& b) { return replay_order(a) < replay_order(b); });
  return run;
}

std::string facts(const Json& bench, const std::string& link) {
  return fmt::format(
      "These numbers are of {}, kernel {}, {}, allocator {}, commit {}; every save of the table at scale is in "
      "[{}]({}).\n",
      machine_text(bench.at("machine")), known_text(bench.at("machine").at("kernel")),
      known_text(bench.at("build").at("compiler")), known_text(bench.at("allocator")), commit_text(bench.at("build")),
      link, link);
}

std::string section(const fs::path& folder, const std::string& link) {
  try {
    const Run run = tables_of(folder);
    // What every factor of the scenario is varied around, and skew.
    const std::string bench =
        bench_groups(run.bench, {bench::point_name({}), bench::point_name({.skew_percent = 90}),
                                 bench::point_name({.skew_percent = 90, .concurrent_callbacks = false})});
    const std::string replays = run.replays.empty() ? "" : replay_table(run.replays);
    const std::string between = bench.empty() || replays.empty() ? "" : "\n";
    return fmt::format("```\n{}{}{}```\n{}", bench, between, replays, facts(run.bench, link));
  } catch (const Json::exception&) {
    throw std::runtime_error(fmt::format("{}: no result of vmbsave, or damaged", folder.string()));
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", folder.string(), error.what()));
  }
}

std::string link_to(const fs::path& folder, const fs::path& readme) {
  return fs::relative(folder, fs::absolute(readme).parent_path()).generic_string();
}

// The newest run's; the others are in the index of `results`.
std::string tables(const fs::path& readme, const fs::path& results) {
  const std::vector<fs::path> runs = recorded_runs(results);
  return runs.empty() ? kNoRecordedRun : section(runs.front(), link_to(runs.front(), readme));
}

// Of the newest run that has it: most runs have none.
std::string picture(const fs::path& readme, const fs::path& results) {
  for (const fs::path& folder : recorded_runs(results)) {
    if (!fs::exists(folder / kPicture)) continue;
    const std::string link = link_to(folder, readme);
    return fmt::format(
        "[![Median save time against packets in use: the engine, a plain copy of the same bytes, the protocol as it is "
        "documented, and what people would use instead]({0}/{1})]({0})\n",
        link, kPicture);
  }
  return "";
}

}  // namespace

std::string with_results(const fs::path& readme, const std::string& text, const fs::path& results) {
  const std::string made = with_marked_part(readme, text, "results", tables(readme, results));
  if (made.find("<!-- picture -->") == std::string::npos) return made;
  return with_marked_part(readme, made, "picture", picture(readme, results));
}

}  // namespace vmbsave::report
