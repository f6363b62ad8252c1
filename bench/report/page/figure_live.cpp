#include <fmt/format.h>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

constexpr const char* kLivePhases[] = {"before", "during", "after"};

struct LivePercentile {
  const char* key;
  const char* name;
  Ink ink;
};
constexpr LivePercentile kLivePercentiles[] = {
    {"p50", "p50", Ink::kEngine}, {"p99", "p99", Ink::kDocumented}, {"p999", "p99.9", Ink::kPeer}};

double seconds(const Json& ns) { return ns.get<double>() / 1e9; }

// Round by round, the three stretches of each one behind the other; a point lies in the middle of its stretch.
Curves time_line(const Json& row) {
  Curves curves{
      {"time", [](double s) { return fmt::format("{:g} s", s); }}, {"latency of a request", time_text, true}, {}};
  for (const LivePercentile& of : kLivePercentiles) curves.curves.push_back({of.name, of.ink, {}});
  double at = 0;
  for (const Json& round : row.at("rounds")) {
    for (const char* const phase : kLivePhases) {
      const Json& part = round.at(phase);
      const double to = at + seconds(part.at("ns"));
      if (phase == std::string_view("during")) curves.bands.push_back({at, to});
      for (std::size_t i = 0; i < std::size(kLivePercentiles); ++i) {
        const std::optional<double> ns = number_if(part.at("latency_ns").at(kLivePercentiles[i].key));
        if (!ns) continue;
        curves.curves[i].points.push_back(
            {(at + to) / 2, *ns, fmt::format("{} saves: {} {}", phase, kLivePercentiles[i].name, time_text(*ns))});
      }
      at = to;
    }
  }
  curves.x.to = at;
  std::erase_if(curves.curves, [](const Curve& curve) { return curve.points.empty(); });
  return curves;
}

Table live_table(const Json& row) {
  Table table{fmt::format("{}: all rounds together", row.at("name").get<std::string>()),
              {"stretch", "requests/s", "requests", "p50", "p99", "p99.9", "max"},
              {}};
  const auto add = [&](const std::string& name, const std::string& rate, const Json& ns) {
    const auto cell = [&](const char* key) { return ns.at(key).is_null() ? "-" : time_text(ns.at(key).get<double>()); };
    table.rows.push_back(
        {name, rate, count_text(ns.at("calls").get<double>()), cell("p50"), cell("p99"), cell("p999"), cell("max")});
  };
  for (const char* const name : kLivePhases) {
    const Json& phase = row.at("phases").at(name);
    add(name, count_text(phase.at("per_s").get<double>()), phase.at("latency_ns"));
    if (!phase.contains("met_a_save_ns")) continue;
    add("during: met a save", "", phase.at("met_a_save_ns"));
    add("during: the others", "", phase.at("apart_ns"));
  }
  return table;
}

Table saves_table(const Json& saves) {
  Table table{fmt::format("{} saves", saves.at("count").get<std::uint64_t>()), {"", "min", "p50", "p99", "max"}, {}};
  const auto add = [&](const char* name, const char* key, Text text) {
    std::vector<std::string>& row = table.rows.emplace_back(1, name);
    for (const char* const of : {"min", "p50", "p99", "max"}) {
      const Json& value = saves.at(key).at(of);
      row.push_back(value.is_null() ? "-" : text(value.get<double>()));
    }
  };
  add("blackout", "blackout_ns", time_text);
  add("save time", "save_ns", time_text);
  add("packets in the image", "packets", count_text);
  add("deferred completions", "deferred", count_text);
  return table;
}

std::string live_reading(const Json& row) {
  return fmt::format(
      "During saves the median latency of a request is {} times that before them, the 99th percentile {} times "
      "(95 % interval over {} rounds).",
      interval_text(row.at("during_to_before").at("p50")), interval_text(row.at("during_to_before").at("p99")),
      row.at("rounds").size());
}

}  // namespace

std::optional<Content> live_figure(const Run& run) {
  Content content;
  for (const Json* const live : run.of("vmbsave-live-1")) {
    for (const Json& row : live->at("rows")) {
      if (!row.at("error").is_null() || !row.at("skipped").is_null() || row.at("rounds").empty()) continue;
      if (content.reading.empty()) content.reading = live_reading(row);
      content.pictures.push_back({content.pictures.empty() ? "" : row.at("name").get<std::string>(), time_line(row)});
      content.tables.push_back(live_table(row));
      content.tables.push_back(saves_table(row.at("saves")));
    }
  }
  if (content.pictures.empty()) return std::nullopt;
  content.notes = {"A percentile with fewer than 10 requests beyond it is left out."};
  return content;
}

}  // namespace vmbsave::page
