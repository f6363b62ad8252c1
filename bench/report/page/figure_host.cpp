#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/dots.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

Rows host_rows(const Run& run) {
  Rows rows;
  for (const Json* const host : run.of("vmbsave-host-1")) {
    for (const Json& row : host->at("rows")) {
      if (row.at("error").is_null()) rows.push_back(&row);
    }
  }
  const auto fewer = [](const Json* a, const Json* b) { return a->at("vms") < b->at("vms"); };
  std::stable_sort(rows.begin(), rows.end(), fewer);
  return rows;
}

std::string host_label(const Json& row) {
  const auto threads = row.at("threads").get<unsigned>();
  return fmt::format("{} VMs, {}, {} thread{}", row.at("vms").get<unsigned>(), row.at("order").get<std::string>(),
                     threads, threads == 1 ? "" : "s");
}

std::string host_time(const Json& ns) { return ns.is_null() ? "-" : time_text(ns.get<double>()); }

Bars host_bars(const Rows& rows) {
  Bars bars{{"blackout of a VM", time_text, true}, {}};
  bars.legend = {{"median", Ink::kEngine}, {"p99", Ink::kOrange}, {"longest", Ink::kDocumented}};
  for (const Json* const row : rows) {
    const Json& blackout = row->at("warm").at("blackout_ns");
    std::vector<Dot> values;
    const auto add = [&](const char* key, Ink ink) {
      if (const auto ns = number_if(blackout.at(key)))
        values.push_back({*ns, ink, fmt::format("{}: {}", key, time_text(*ns))});
    };
    add("p50", Ink::kEngine);
    add("p99", Ink::kOrange);
    add("max", Ink::kDocumented);
    if (!values.empty()) {
      bars.bars.push_back(
          dots(host_label(*row), values,
               fmt::format("{}, longest {}", host_time(blackout.at("p50")), host_time(blackout.at("max")))));
    }
  }
  return bars;
}

Table host_table(const Rows& rows) {
  Table table{"warm rounds, and the first one, which maps the images' memory",
              {"host", "packets in use", "images", "rounds", "images verified", "all VMs, p50", "blackout p50",
               "blackout p99", "longest", "longest, first round", "beyond the deadline", "resident memory"},
              {}};
  for (const Json* const row : rows) {
    const Json& warm = row->at("warm");
    const Json& cold = row->at("cold");
    const Json& image = row->at("image_bytes");
    const auto both = [&](const char* key) {
      return count_text(warm.at(key).get<double>() + cold.at(key).get<double>());
    };
    table.rows.push_back({host_label(*row), count_text(row->at("packets").get<double>()),
                          image.is_null() ? "-" : bytes_text(image.get<double>()), both("rounds"),
                          both("images_verified"), host_time(warm.at("total_ns").at("p50")),
                          host_time(warm.at("blackout_ns").at("p50")), host_time(warm.at("blackout_ns").at("p99")),
                          host_time(warm.at("blackout_ns").at("max")), host_time(cold.at("blackout_ns").at("max")),
                          both("over_deadline"), bytes_text(row->at("resident_bytes").get<double>())});
  }
  return table;
}

}  // namespace

std::optional<Content> host_figure(const Run& run) {
  const Rows rows = host_rows(run);
  if (rows.empty()) return std::nullopt;
  const Json& last = *rows.back();
  const Json& blackout = last.at("warm").at("blackout_ns");
  return Content{fmt::format("{}: a VM stands still for {} in the median, and for {} at the longest.", host_label(last),
                             host_time(blackout.at("p50")), host_time(blackout.at("max"))),
                 {{"", host_bars(rows)}},
                 {host_table(rows)}};
}

}  // namespace vmbsave::page
