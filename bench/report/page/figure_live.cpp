#include <fmt/format.h>

#include "report/page/axis.hpp"
#include "report/page/dots.hpp"
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

// The stretches of all rounds together, and of what was sent during saves the requests that met one.
std::vector<std::pair<std::string, const Json*>> stretches(const Json& row) {
  std::vector<std::pair<std::string, const Json*>> all;
  for (const char* const name : kLivePhases) {
    const Json& phase = row.at("phases").at(name);
    all.emplace_back(name, &phase.at("latency_ns"));
    if (!phase.contains("met_a_save_ns")) continue;
    all.emplace_back("during: met a save", &phase.at("met_a_save_ns"));
    all.emplace_back("during: the others", &phase.at("apart_ns"));
  }
  return all;
}

Bars stretch_bars(const Json& row) {
  Bars bars{{"latency of a request", time_text, true}, {}};
  for (const LivePercentile& of : kLivePercentiles) bars.legend.emplace_back(of.name, of.ink);
  for (const auto& [name, ns] : stretches(row)) {
    std::vector<Dot> values;
    std::string text;
    for (const LivePercentile& of : kLivePercentiles) {
      const std::optional<double> value = number_if(ns->at(of.key));
      if (!value) continue;
      values.push_back({*value, of.ink, fmt::format("{}: {} {}", name, of.name, time_text(*value))});
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", of.name, time_text(*value));
    }
    if (!values.empty()) bars.bars.push_back(dots(name, values, text));
  }
  return bars;
}

// What the time line draws.
Table rounds_table(const Json& row) {
  Table table{"round by round", {"round", "stretch", "seconds", "p50", "p99", "p99.9"}, {}};
  std::size_t number = 0;
  for (const Json& round : row.at("rounds")) {
    ++number;
    for (const char* const phase : kLivePhases) {
      const Json& ns = round.at(phase).at("latency_ns");
      std::vector<std::string>& cells = table.rows.emplace_back();
      cells = {fmt::format("{}", number), phase, plain_text(seconds(round.at(phase).at("ns")))};
      for (const LivePercentile& of : kLivePercentiles) cells.push_back(time_or_dash(ns.at(of.key)));
    }
  }
  return table;
}

Table live_table(const Json& row) {
  Table table{fmt::format("{}: all rounds together", row.at("name").get<std::string>()),
              {"stretch", "requests/s", "requests", "p50", "p99", "p99.9", "max"},
              {}};
  const auto add = [&](const std::string& name, const std::string& rate, const Json& ns) {
    table.rows.push_back({name, rate, count_text(ns.at("calls").get<double>()), time_or_dash(ns.at("p50")),
                          time_or_dash(ns.at("p99")), time_or_dash(ns.at("p999")), time_or_dash(ns.at("max"))});
  };
  for (const auto& [name, ns] : stretches(row)) {
    const Json& phases = row.at("phases");
    add(name, phases.contains(name) ? count_text(phases.at(name).at("per_s").get<double>()) : "", *ns);
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
  const Json& ratios = row.at("during_to_before");
  if (ratios.at("p50").at("p50").is_null() || ratios.at("p99").at("p50").is_null()) {
    return fmt::format(
        "{} rounds are too few to tell by how much saves change the latency of a request; shown is what it was.",
        row.at("rounds").size());
  }
  return fmt::format(
      "During saves the median latency of a request is {} times that before them, the 99th percentile {} times "
      "(95 % interval over {} rounds).",
      interval_text(ratios.at("p50")), interval_text(ratios.at("p99")), row.at("rounds").size());
}

}  // namespace

std::optional<Content> live_figure(const Run& run) {
  Content content;
  for (const Json* const live : run.of("vmbsave-live-1")) {
    for (const Json& row : live->at("rows")) {
      if (!row.at("error").is_null() || !row.at("skipped").is_null() || row.at("rounds").empty()) continue;
      if (content.reading.empty()) content.reading = live_reading(row);
      const std::string of = content.pictures.empty() ? "" : row.at("name").get<std::string>() + ": ";
      content.pictures.push_back({of + "Round by round", time_line(row)});
      if (Bars bars = stretch_bars(row); !bars.bars.empty()) {
        content.pictures.push_back({of + "All rounds together", std::move(bars)});
      }
      content.tables.push_back(rounds_table(row));
      content.tables.push_back(live_table(row));
      content.tables.push_back(saves_table(row.at("saves")));
    }
  }
  if (content.pictures.empty()) return std::nullopt;
  content.notes = {"A percentile with fewer than 10 requests beyond it is left out."};
  return content;
}

}  // namespace vmbsave::page
