#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

// What is drawn of a bin, and how.
struct TimelineMeasure {
  const char* key;
  const char* caption;
  const char* axis;
};
constexpr TimelineMeasure kDelivery{"delivery_ns", "until the guest sees a completion", "latency of a completion"};
constexpr TimelineMeasure kComplete{"complete_ns", "what the call of complete() takes", "time of a call"};

constexpr const char* kStretches[] = {"before", "during", "after"};

struct TimelineGroup {
  std::string name;
  Rows rows;  // with a time line
};

Ink timeline_ink(const Json& row) {
  const std::string implementation = row.at("implementation").get<std::string>();
  if (implementation == "engine") return Ink::kEngine;
  return implementation == "drain_then_save" ? Ink::kDocumented : Ink::kPeer;
}

std::string implementation_of(const Json& row) { return row.at("implementation").get<std::string>(); }

// As in the run, but for the one that is closest to a busy host, which comes first.
std::vector<TimelineGroup> timeline_groups(const Run& run) {
  std::vector<TimelineGroup> groups;
  for (const Json* const load : run.of("vmbsave-load-1")) {
    for (const Json& row : load->at("rows")) {
      if (!row.at("error").is_null() || !row.contains("timeline") || row.at("timeline").is_null()) continue;
      const std::string name = row.at("group").get<std::string>();
      if (groups.empty() || groups.back().name != name) groups.push_back({name, {}});
      groups.back().rows.push_back(&row);
    }
  }
  std::stable_partition(groups.begin(), groups.end(), [](const TimelineGroup& of) { return of.name == "blackout"; });
  return groups;
}

std::string from_cut_text(double ns) { return (ns < 0 ? "\u2212" : "") + time_text(std::abs(ns)); }

double bin_from(const Json& timeline, std::size_t bin) {
  return timeline.at("from_ns").get<double>() + timeline.at("bin_ns").get<double>() * static_cast<double>(bin);
}

// A point in the middle of each bin; where there are too few calls for the percentile, a gap. Each median says on hover
// what it is; for all percentiles to do so the page would be twice as large.
Curve timeline_curve(const Json& row, const char* measure, const char* percentile, const std::string& name) {
  const Json& timeline = row.at("timeline");
  Curve curve{name, timeline_ink(row), {}};
  const double half = timeline.at("bin_ns").get<double>() / 2;
  const bool is_median = percentile == std::string_view("p50");
  for (std::size_t i = 0; i < timeline.at("bins").size(); ++i) {
    const Json& calls = timeline.at("bins").at(i).at(measure);
    const std::optional<double> ns = number_if(calls.at(percentile));
    const double at = bin_from(timeline, i) + half;
    if (ns) {
      curve.points.push_back(
          {at, *ns, is_median ? fmt::format("{}, {}: {}", name, from_cut_text(at), time_text(*ns)) : ""});
    } else if (!curve.points.empty() && !std::isnan(curve.points.back().y)) {
      curve.points.push_back({at, std::numeric_limits<double>::quiet_NaN(), ""});
    }
  }
  return curve;
}

// Completions of a save in each bin, by the millisecond.
Curve rate_curve(const Json& row) {
  const Json& timeline = row.at("timeline");
  Curve curve{implementation_of(row), timeline_ink(row), {}};
  const double bin_ns = timeline.at("bin_ns").get<double>();
  for (std::size_t i = 0; i < timeline.at("bins").size(); ++i) {
    const Json& bin = timeline.at("bins").at(i);
    const double saves = bin.at("saves").get<double>();
    if (saves == 0) continue;
    const double per_ms = bin.at("delivery_ns").at("calls").get<double>() / saves / bin_ns * 1e6;
    const double at = bin_from(timeline, i) + bin_ns / 2;
    curve.points.push_back(
        {at, per_ms, fmt::format("{}, {}: {} per ms", curve.name, from_cut_text(at), count_text(per_ms))});
  }
  return curve;
}

const Json* engine_of(const TimelineGroup& group) {
  for (const Json* const row : group.rows) {
    if (implementation_of(*row) == "engine") return row;
  }
  return nullptr;
}

// From the cut on, which is always one.
std::vector<std::pair<double, std::string>> tics_from_cut(double to) {
  const double decade = std::pow(10, std::floor(std::log10(to / 5)));
  const double fifth = to / 5 / decade;
  const double step = decade * (fifth <= 2 ? 2 : fifth <= 5 ? 5 : 10);
  std::vector<std::pair<double, std::string>> tics;
  for (double i = 0; i * step <= to; ++i) tics.emplace_back(i * step, time_text(i * step));
  return tics;
}

Curves timeline_axes(const TimelineGroup& group, Axis y) {
  const Json& timeline = group.rows.front()->at("timeline");
  Curves curves{{"time from the cut", from_cut_text}, std::move(y), {}};
  curves.x.from = timeline.at("from_ns").get<double>();
  curves.x.to = bin_from(timeline, timeline.at("bins").size());
  if (*curves.x.to > 0) curves.x.tics = tics_from_cut(*curves.x.to);
  const Json* const engine = engine_of(group);
  const std::optional<double> blackout =
      engine == nullptr ? std::nullopt : number_if(engine->at("blackout_ns").at("p50"));
  if (blackout) curves.bands.push_back({0, std::min(*blackout, *curves.x.to)});
  return curves;
}

void add_timeline_curve(Curves& curves, Curve curve, Curve::Stroke stroke) {
  curve.stroke = stroke;
  if (!curve.points.empty()) curves.curves.push_back(std::move(curve));
}

Curves timeline_curves(const TimelineGroup& group, const TimelineMeasure& measure) {
  Curves curves = timeline_axes(group, {measure.axis, time_text, true});
  for (const Json* const row : group.rows) {
    add_timeline_curve(curves, timeline_curve(*row, measure.key, "p50", implementation_of(*row) + ", median"),
                       Curve::Stroke::kLine);
    add_timeline_curve(curves, timeline_curve(*row, measure.key, "p99", implementation_of(*row) + ", p99"),
                       Curve::Stroke::kDashed);
  }
  return curves;
}

Curves rate_curves(const TimelineGroup& group) {
  Curves curves = timeline_axes(group, {"completions a millisecond", count_text});
  for (const Json* const row : group.rows) add_timeline_curve(curves, rate_curve(*row), Curve::Stroke::kLine);
  return curves;
}

Table stretches_table(const TimelineGroup& group) {
  Table table{group.name + ": all saves together",
              {"stretch", "completions", "delivery p50", "p99", "max", "complete() timed", "p50", "p99", "max"},
              {}};
  for (const Json* const row : group.rows) {
    for (const char* const stretch : kStretches) {
      const Json& times = row->at("timeline").at(stretch);
      std::vector<std::string>& cells = table.rows.emplace_back(1, implementation_of(*row) + ", " + stretch);
      for (const char* const measure : {kDelivery.key, kComplete.key}) {
        const Json& calls = times.at(measure);
        cells.push_back(count_text(calls.at("calls").get<double>()));
        for (const char* const key : {"p50", "p99", "max"}) cells.push_back(time_or_dash(calls.at(key)));
      }
    }
  }
  return table;
}

Table bins_table(const TimelineGroup& group) {
  Table table{group.name +
                  ": by the time from the cut at which a bin begins; completions, median and p99 until the "
                  "guest sees one",
              {"from the cut"},
              {}};
  for (const Json* const row : group.rows) {
    for (const char* const column : {"completions", "p50", "p99"}) {
      table.columns.push_back(implementation_of(*row) + " " + column);
    }
  }
  const Json& first = group.rows.front()->at("timeline");
  for (std::size_t i = 0; i < first.at("bins").size(); ++i) {
    std::vector<std::string>& cells = table.rows.emplace_back(1, from_cut_text(bin_from(first, i)));
    for (const Json* const row : group.rows) {
      const Json& bins = row->at("timeline").at("bins");
      if (i >= bins.size()) {  // made by hand
        cells.insert(cells.end(), 3, "-");
        continue;
      }
      const Json& calls = bins.at(i).at(kDelivery.key);
      cells.push_back(count_text(calls.at("calls").get<double>()));
      for (const char* const key : {"p50", "p99"}) cells.push_back(time_or_dash(calls.at(key)));
    }
  }
  return table;
}

std::string median_of(const Json& row, const char* stretch, const char* measure) {
  return time_or_dash(row.at("timeline").at(stretch).at(measure).at("p50"));
}

std::string engine_reading(const TimelineGroup& group, const Json& row) {
  return fmt::format(
      "In the group {} the guest sees a completion after {} at the median while the engine saves, after {} before the "
      "save and {} behind it; the call of complete() itself takes {} during the save, {} before and {} behind it.",
      group.name, median_of(row, "during", kDelivery.key), median_of(row, "before", kDelivery.key),
      median_of(row, "after", kDelivery.key), median_of(row, "during", kComplete.key),
      median_of(row, "before", kComplete.key), median_of(row, "after", kComplete.key));
}

std::string other_reading(const Json& row) {
  const std::string name = implementation_of(row);
  const std::string blackout = time_or_dash(row.at("blackout_ns").at("p50"));
  if (name == "drain_then_save") {
    return fmt::format(
        " With drain_then_save completions go on as before ({}), but no new packet comes in until the last one is "
        "completed, which takes {}.",
        median_of(row, "during", kDelivery.key), blackout);
  }
  return fmt::format(
      " With {} a completion that meets the save waits for its lock, the longest {}; the median "
      "blackout is {}.",
      name, time_or_dash(row.at("timeline").at("during").at(kDelivery.key).at("max")), blackout);
}

std::string timeline_reading(const TimelineGroup& group) {
  std::string text;
  if (const Json* const engine = engine_of(group)) text = engine_reading(group, *engine);
  for (const Json* const row : group.rows) {
    if (timeline_ink(*row) != Ink::kEngine) text += other_reading(*row);
  }
  return text;
}

}  // namespace

std::optional<Content> load_timeline_figure(const Run& run) {
  const std::vector<TimelineGroup> groups = timeline_groups(run);
  if (groups.empty()) return std::nullopt;
  Content content{timeline_reading(groups.front()), {}, {}};
  const auto add = [&](const std::string& caption, Curves curves) {
    if (!curves.curves.empty()) content.pictures.push_back({caption, std::move(curves)});
  };
  for (const TimelineGroup& group : groups) {
    add(fmt::format("{}: {}", group.name, kDelivery.caption), timeline_curves(group, kDelivery));
    if (&group == &groups.front()) {
      add(fmt::format("{}: {}", group.name, kComplete.caption), timeline_curves(group, kComplete));
      add(fmt::format("{}: how many completions there are", group.name), rate_curves(group));
    }
    content.tables.push_back(stretches_table(group));
    content.tables.push_back(bins_table(group));
  }
  content.notes = {
      "A completion stands where it was due, in a closed loop where the VSP called complete(). Where there are too few "
      "of them for a percentile a line has a gap.",
      "In a closed loop a VSP that waits makes no other call: that a save holds a lock, or lets no packet in, shows in "
      "how many completions there are, hardly in what they take."};
  return content;
}

}  // namespace vmbsave::page
