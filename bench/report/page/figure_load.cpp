#include <fmt/format.h>

#include "report/page/axis.hpp"
#include "report/page/dots.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

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

// "0.05 us, 0.21 us with saves"
Bars complete_bars(const Rows& rows) {
  Bars bars{{"complete(), 99.9th percentile", time_text, true}, {}};
  bars.legend = {{"without saves", Ink::kPeer},
                 {"engine, during saves", Ink::kEngine},
                 {"others, during saves", Ink::kDocumented}};
  for (const Json* const row : rows) {
    const auto without = number_if(row->at("without_saves").at("complete_ns").at("p999"));
    const auto during = number_if(row->at("with_saves").at("complete_ns").at("p999"));
    if (!without || !during) continue;
    const Ink ink = load_ink(*row) == Ink::kEngine ? Ink::kEngine : Ink::kDocumented;
    bars.bars.push_back(dots(load_label(*row),
                             {{*without, Ink::kPeer, fmt::format("without saves: {}", time_text(*without))},
                              {*during, ink, fmt::format("during saves: {}", time_text(*during))}},
                             fmt::format("{} \u2192 {}", time_text(*without), time_text(*during))));
  }
  return bars;
}

Bars blackout_bars(const Rows& rows) {
  Bars bars{{"median blackout", time_text, true}, {}};
  for (const Json* const row : rows) {
    const auto ns = number_if(row->at("blackout_ns").at("p50"));
    if (!ns) continue;
    const Json& ratio = row->at("blackout_to_engine");
    const bool has_ratio = !ratio.at("p50").is_null() && load_ink(*row) != Ink::kEngine;
    const std::string text =
        time_text(*ns) + (has_ratio ? fmt::format(", {} x engine", number_text(ratio.at("p50"))) : "");
    const Ink ink = load_ink(*row) == Ink::kEngine ? Ink::kEngine : Ink::kDocumented;
    bars.bars.push_back(dots(load_label(*row), {{*ns, ink, text}}, text));
  }
  return bars;
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
  Content content{load_reading(rows), {}, {load_table(rows)}};
  const Bars complete = complete_bars(rows);
  const Bars blackout = blackout_bars(rows);
  if (!complete.bars.empty()) content.pictures.push_back({"What a completion takes", complete});
  if (!blackout.bars.empty()) content.pictures.push_back({"How long a save stops completions", blackout});
  return content;
}

}  // namespace vmbsave::page
