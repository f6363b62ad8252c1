#include "report/bench_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "report/facts_text.hpp"
#include "report/operation_report.hpp"
#include "report/roofline_report.hpp"
#include "report/scaling.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
using namespace nlohmann::literals;

constexpr const char* kLine = "{:<22}{:>6}{:>8}{:>6}{:>9}{:>9}{:>10}  {:>17}  {:>17}{:>7}{:>8}{:>9}\n";

// Three digits are all that a median's interval supports.
std::string number(const Json& value) {
  if (value.is_null()) return "-";
  const double v = value.get<double>();
  if (v < 9.995) return fmt::format("{:.2f}", v);
  return v < 99.95 ? fmt::format("{:.1f}", v) : fmt::format("{:.0f}", v);
}

std::string with_interval(const Json& median) {
  if (median.at("p50").is_null()) return "-";
  return fmt::format("{} [{}, {}]", number(median.at("p50")), number(median.at("low")), number(median.at("high")));
}

std::string milliseconds(const Json& ns) {
  if (ns.is_null()) return "-";
  const double ms = ns.get<double>() / 1e6;
  return ms < 1000 ? fmt::format("{:.3f}", ms) : fmt::format("{:.1f}", ms);
}

std::string count(const Json& value) { return value.is_null() ? "-" : fmt::format("{}", value.get<std::uint64_t>()); }

std::string text(const Json& value) { return value.is_null() ? "-" : value.get<std::string>(); }

std::string implementation(const Json& row) {
  return text(row.at("implementation")) + (row.at("checksum").get<bool>() ? "+checksum" : "");
}

// As much of it as its column takes.
std::string cache(const Json& row) {
  const std::string name = text(row.at("cache"));
  return name == "first_touch" ? "first" : name;
}

// Those that took part in the last save: a small one is serial.
unsigned threads(const Json& row) {
  const Json& taken = row.at("threads_taken");
  return taken.is_null() ? row.at("threads").get<unsigned>() : taken.get<unsigned>();
}

// A peer is compared with the engine, everything else with the floor.
bool is_peer(const Json& row) { return row.contains("ratio_to_engine") && !row.at("ratio_to_engine").is_null(); }

const char* ratio(const Json& row) {
  if (is_peer(row)) return "x engine [95 %]";
  return row.value("floor", "copy_floor") == "copy_floor" ? "x floor [95 %]" : "x contract [95 %]";
}

std::string heading(const Json& row) {
  return fmt::format(kLine, "implementation", "plan", "threads", "cache", "ms", "p99 ms", "ns/packet", ratio(row),
                     "x faster than seq", "faults", "allocs", "verified");
}

std::string line(const Json& row) {
  return fmt::format(kLine, implementation(row), text(row.at("plan")), threads(row), cache(row),
                     milliseconds(row.at("save_ns").at("p50")), milliseconds(row.at("save_ns").at("p99")),
                     number(row.at("ns_per_packet")),
                     with_interval(row.at(is_peer(row) ? "ratio_to_engine" : "ratio_to_floor")),
                     with_interval(row.at("times_faster_than_documented_sequential")), count(row.at("page_faults_p50")),
                     count(row.at("allocator_calls_p50")), row.at("verified").get<bool>() ? "yes" : "NO");
}

// What else the machine did: of the rest of what the doctor finds, most is so on every shared machine.
std::string warning(const Json& run) {
  std::string found;
  for (const Json& finding : run.value("/doctor/findings"_json_pointer, Json::array())) {
    const std::string name = text(finding.at("name"));
    const bool is_load = name == "load" || name.ends_with("pressure") || name == "stolen time";
    if (!is_load || finding.at("level") == "ok") continue;
    found += fmt::format("{}{} {}", found.empty() ? "" : "; ", name, text(finding.at("found")));
  }
  return found.empty() ? "" : fmt::format("the doctor warned: {}\n", found);
}

std::string context(const Json& run) {
  const Json& build = run.at("build");
  return fmt::format("suite {}, {}\n{}; {}, allocator {}\ncommit {}\n", text(run.at("suite")),
                     text(run.at("started_utc")), machine_text(run.at("machine")), known_text(build.at("compiler")),
                     known_text(run.at("allocator")), commit_text(build)) +
         warning(run);
}

// Rows by their heading, headings in the order in which they first come.
using Groups = std::vector<std::pair<std::string, std::vector<const Json*>>>;

template <class Wanted>
Groups group(const Json& rows, Wanted&& wanted) {
  Groups groups;
  for (const Json& row : rows) {
    if (!wanted(text(row.at("point")))) continue;
    std::string name = text(row.at("point")) + ", " + text(row.at("cache"));
    if (row.value("pages", "default") != "default") name += ", pages of " + text(row.at("pages"));
    if (is_peer(row)) name += ", what people would use instead";
    auto found = groups.begin();
    while (found != groups.end() && found->first != name) ++found;
    if (found == groups.end()) found = groups.insert(groups.end(), {name, {}});
    found->second.push_back(&row);
  }
  return groups;
}

// A row beside a second one of its own kind: 1, if a neighbour fares as a row does. What it is off by, the column is.
std::string beside_itself(const Json& row) {
  constexpr double kWorthSaying = 0.05;
  const Json& ratio = row.at("times_faster_than_documented_sequential");
  if (row.at("implementation") != "documented_sequential" || ratio.at("p50").is_null()) return "";
  if (std::abs(ratio.at("p50").get<double>() - 1) < kWorthSaying) return "";
  return fmt::format("(documented_sequential beside itself: {} and not 1; so much the column is off)\n",
                     number(ratio.at("p50")));
}

std::string tables(const Groups& groups) {
  std::string text;
  for (const auto& [name, rows] : groups) {
    text += (text.empty() ? "" : "\n") + name + "\n" + heading(*rows.front());
    for (const Json* const row : rows) text += line(*row);
    for (const Json* const row : rows) text += beside_itself(*row);
  }
  return text;
}

}  // namespace

std::string bench_groups(const Json& run, const std::vector<std::string>& points) {
  return tables(group(run.at("rows"), [&](const std::string& point) {
    return std::find(points.begin(), points.end(), point) != points.end();
  }));
}

std::string bench_table(const Json& run) {
  const std::string saves = tables(group(run.at("rows"), [](const std::string&) { return true; }));
  const std::string roofline = run.contains("roofline") ? roofline_table(run.at("roofline")) : "";
  const std::string operations = run.contains("operations") ? operations_table(run.at("operations")) : "";
  const std::string transfers = run.contains("transfers") ? transfers_table(run.at("transfers")) : "";
  const std::string scaling = scaling_table(run.at("rows"));
  return context(run) + (saves.empty() ? "" : "\n") + saves + (scaling.empty() ? "" : "\n") + scaling +
         (roofline.empty() ? "" : "\n") + roofline + (operations.empty() ? "" : "\n") + operations +
         (transfers.empty() ? "" : "\n") + transfers;
}

}  // namespace vmbsave::report
