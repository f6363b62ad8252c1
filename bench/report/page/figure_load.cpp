#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/dots.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

constexpr const char* kCompletePicture = "What a completion takes";
constexpr const char* kBlackoutPicture = "How long a save stops completions";

std::string load_label(const Json& row) {
  return fmt::format("{}: {}", row.at("group").get<std::string>(), row.at("implementation").get<std::string>());
}

Ink load_ink(const Json& row) { return ink_of(row.at("implementation"), "fused"); }

Rows load_rows(const Run& run) {
  Rows rows;
  for (const Json* const load : run.of("vmbsave-load-1")) {
    for (const Json& row : load->at("rows")) {
      if (row.at("error").is_null()) rows.push_back(&row);
    }
  }
  return rows;
}

std::optional<double> complete_time(const Json& row, const char* stretch, const char* key) {
  return number_if(row.at(stretch).at("complete_ns").at(key));
}

bool has_percentile(const Json& row, const char* key) {
  return complete_time(row, "without_saves", key) && complete_time(row, "with_saves", key);
}

struct LoadPercentile {
  const char* key;
  const char* name;
};
constexpr LoadPercentile kLoadPercentiles[] = {{"p999", "p99.9"}, {"p99", "p99"}, {"p50", "p50"}};

// The highest that all rows of a load have: they stand beside each other, and who holds completions up has few of them.
// Rows without any have no say.
const LoadPercentile* percentile_of(const Rows& rows, const Json& group) {
  for (const LoadPercentile& of : kLoadPercentiles) {
    const bool all = std::all_of(rows.begin(), rows.end(), [&](const Json* row) {
      return row->at("group") != group || !has_percentile(*row, "p50") || has_percentile(*row, of.key);
    });
    if (all) return &of;
  }
  return nullptr;
}

bool is_drawable(const Json& row) { return has_percentile(row, "p50"); }

// "pinned/open, p99: engine", "230 ns \u2192 311 ns"
Bars complete_bars(const Rows& rows) {
  Bars bars{{"complete(), at the percentile in the label", time_text, true}, {}};
  bars.legend = {{"without saves", Ink::kPeer},
                 {"engine, during saves", Ink::kEngine},
                 {"others, during saves", Ink::kDocumented}};
  for (const Json* const row : rows) {
    if (!is_drawable(*row)) continue;
    const LoadPercentile* const of = percentile_of(rows, row->at("group"));
    const double without = *complete_time(*row, "without_saves", of->key);
    const double during = *complete_time(*row, "with_saves", of->key);
    const Ink ink = load_ink(*row) == Ink::kEngine ? Ink::kEngine : Ink::kDocumented;
    bars.bars.push_back(dots(fmt::format("{}, {}: {}", row->at("group").get<std::string>(), of->name,
                                         row->at("implementation").get<std::string>()),
                             {{without, Ink::kPeer, fmt::format("without saves, {}: {}", of->name, time_text(without))},
                              {during, ink, fmt::format("during saves, {}: {}", of->name, time_text(during))}},
                             fmt::format("{} \u2192 {}", time_text(without), time_text(during))));
  }
  return bars;
}

// "1.05 x [1.00, 1.12]" of the engine's. Of few rounds only the interval is known.
std::string to_engine(const Json& row) {
  const Json& ratio = row.at("blackout_to_engine");
  if (load_ink(row) == Ink::kEngine) return "";
  if (!ratio.at("p50").is_null())
    return fmt::format(", {} x [{}, {}]", number_text(ratio.at("p50")), number_text(ratio.at("low")),
                       number_text(ratio.at("high")));
  if (ratio.at("low").is_null() || ratio.at("high").is_null()) return "";
  return fmt::format(", {} to {} x", number_text(ratio.at("low")), number_text(ratio.at("high")));
}

Bars blackout_bars(const Rows& rows) {
  Bars bars{{"median blackout; x: of the engine's [95 %]", time_text, true}, {}};
  for (const Json* const row : rows) {
    const auto ns = number_if(row->at("blackout_ns").at("p50"));
    if (!ns) continue;
    const std::string text = time_text(*ns) + to_engine(*row);
    const Ink ink = load_ink(*row) == Ink::kEngine ? Ink::kEngine : Ink::kDocumented;
    bars.bars.push_back(dots(load_label(*row), {{*ns, ink, text}}, text));
  }
  return bars;
}

// Why a row of the table has no bar.
std::vector<std::string> not_drawn(const Rows& rows) {
  std::vector<std::string> notes;
  const auto add = [&](const char* picture, auto is_there) {
    std::vector<std::string> names;
    for (const Json* const row : rows) {
      if (!is_there(*row)) names.push_back(load_label(*row));
    }
    if (!names.empty())
      notes.push_back(
          fmt::format("Too few samples to be drawn in \u201c{}\u201d: {}.", picture, fmt::join(names, "; ")));
  };
  add(kCompletePicture, is_drawable);
  add(kBlackoutPicture, [](const Json& row) { return !row.at("blackout_ns").at("p50").is_null(); });
  return notes;
}

Table load_table(const Rows& rows) {
  Table table{"without saves \u2192 with saves",
              {"load", "saves", "acquire() p99.9", "complete() p50", "complete() p99.9", "delivery p99.9",
               "blackout p50", "blackout p99", "x engine [95 %]", "deferred", "lost"},
              {}};
  const auto time = [](const Json& ns) { return ns.is_null() ? "-" : time_text(ns.get<double>()); };
  for (const Json* const row : rows) {
    const auto both = [&](const char* what, const char* percentile) {
      return fmt::format("{} \u2192 {}", time(row->at("without_saves").at(what).at(percentile)),
                         time(row->at("with_saves").at(what).at(percentile)));
    };
    table.rows.push_back({load_label(*row), row->at("saves").dump(), both("acquire_ns", "p999"),
                          both("complete_ns", "p50"), both("complete_ns", "p999"), both("delivery_ns", "p999"),
                          time(row->at("blackout_ns").at("p50")), time(row->at("blackout_ns").at("p99")),
                          interval_text(row->at("blackout_to_engine")), row->at("deferred").dump(),
                          row->at("lost").dump()});
  }
  return table;
}

std::string load_reading(const Rows& rows) {
  for (const Json* const row : rows) {
    const Json& without = row->at("without_saves").at("complete_ns").at("p999");
    const Json& during = row->at("with_saves").at("complete_ns").at("p999");
    if (load_ink(*row) != Ink::kEngine || without.is_null() || during.is_null()) continue;
    return fmt::format("{}: one completion in a thousand takes {} or longer without saves and {} during them.",
                       load_label(*row), time_text(without.get<double>()), time_text(during.get<double>()));
  }
  return "The table has what was measured; there were too few calls for a reading.";
}

}  // namespace

std::optional<Content> load_figure(const Run& run) {
  const Rows rows = load_rows(run);
  if (rows.empty()) return std::nullopt;
  Content content{load_reading(rows), {}, {load_table(rows)}, not_drawn(rows)};
  const Bars complete = complete_bars(rows);
  const Bars blackout = blackout_bars(rows);
  if (!complete.bars.empty()) content.pictures.push_back({kCompletePicture, complete});
  if (!blackout.bars.empty()) content.pictures.push_back({kBlackoutPicture, blackout});
  return content;
}

}  // namespace vmbsave::page
