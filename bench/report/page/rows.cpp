#include "report/page/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/page/axis.hpp"
#include "scenarios/save_latency/point.hpp"

namespace vmbsave::page {
namespace {

void erase_part(std::string& text, const std::string& part) {
  const std::size_t at = text.find(part);
  if (at != std::string::npos) text.erase(at, part.size());
}

bool is_as_usual(const Json& row) {
  return row.at("cache") == "warm" && row.value("pages", "default") == "default" && !row.at("checksum").get<bool>();
}

std::string shape(std::string point, std::uint64_t packets) {
  erase_part(point, fmt::format("packets:{}/", packets));
  return point;
}

// A row's point without the number of its packets.
std::string shape_of(const Json& row) {
  return shape(row.at("point").get<std::string>(), row.at("packets").get<std::uint64_t>());
}

// The one of the most rows: what the run is of. Among as many the scenario's default, else the first one.
std::string main_shape(const Rows& rows) {
  const bench::Point usual;
  std::map<std::string, std::size_t> counts;
  for (const Json* const row : rows) ++counts[shape_of(*row)];
  std::string most = shape(bench::point_name(usual), usual.packets);
  for (const Json* const row : rows) {
    if (counts[shape_of(*row)] > counts[most]) most = shape_of(*row);
  }
  return most;
}

std::optional<double> times(const Json& row, const Json& ratio, bool divide) {
  const std::optional<double> value = number_if(ratio.at("p50"));
  if (!value || *value == 0) return std::nullopt;
  return divide ? median_ns(row) / *value : median_ns(row) * *value;
}

}  // namespace

Rows measured_rows(const Json& bench) {
  Rows rows;
  for (const Json& row : bench.at("rows")) {
    if (row.at("error").is_null() && !row.at("save_ns").at("p50").is_null()) rows.push_back(&row);
  }
  return rows;
}

Rows plain_rows(const Json& bench) {
  Rows rows = measured_rows(bench);
  std::erase_if(rows, [](const Json* row) { return !is_as_usual(*row); });
  const std::string most = main_shape(rows);
  std::erase_if(rows, [&](const Json* row) { return shape_of(*row) != most; });
  return rows;
}

std::uint64_t main_packets(const Json& bench) {
  std::map<std::uint64_t, std::size_t> counts;
  for (const Json* const row : plain_rows(bench)) ++counts[row->at("packets").get<std::uint64_t>()];
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? 0 : most->first;
}

Rows main_rows(const Json& bench) {
  const std::uint64_t packets = main_packets(bench);
  Rows rows = plain_rows(bench);
  std::erase_if(rows, [&](const Json* row) { return row->at("packets") != packets; });
  return rows;
}

std::string series_name(const Json& row) {
  std::string name = row.at("name").get<std::string>();
  erase_part(name, "save/");
  erase_part(name, "/" + row.at("point").get<std::string>());
  erase_part(name, fmt::format("/threads:{}", row.at("threads").get<unsigned>()));
  std::replace(name.begin(), name.end(), '/', ' ');
  return name;
}

std::string row_label(const Json& row) {
  const auto threads = row.at("threads").get<unsigned>();
  return fmt::format("{}, {} thread{}", series_name(row), threads, threads == 1 ? "" : "s");
}

Ink row_ink(const Json& row) {
  return ink_of(row.at("implementation"), row.at("plan").is_null() ? "" : row.at("plan"));
}

std::vector<Series> series_of(const Rows& rows) {
  std::vector<Series> all;
  for (const Json* const row : rows) {
    const std::string name = series_name(*row);
    auto series = std::find_if(all.begin(), all.end(), [&](const Series& of) { return of.name == name; });
    if (series == all.end()) series = all.insert(all.end(), {name, {}});
    series->rows.push_back(row);
  }
  return all;
}

Rows with_most_threads(const Rows& rows, const char* key) {
  std::map<std::uint64_t, const Json*> chosen;
  for (const Json* const row : rows) {
    const Json*& best = chosen[row->at(key).get<std::uint64_t>()];
    if (best == nullptr || best->at("threads") < row->at("threads")) best = row;
  }
  Rows result;
  for (const auto& [value, row] : chosen) result.push_back(row);
  return result;
}

double median_ns(const Json& row) { return row.at("save_ns").at("p50").get<double>(); }

std::optional<double> floor_ns(const Json& row) { return times(row, row.at("ratio_to_floor"), true); }

std::optional<double> documented_ns(const Json& row) {
  return times(row, row.at("times_faster_than_documented_sequential"), false);
}

std::optional<double> number_if(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

std::string number_text(const Json& value) {
  if (value.is_null()) return "-";
  const double number = value.get<double>();
  if (number < 9.995) return fmt::format("{:.2f}", number);
  return number < 99.95 ? fmt::format("{:.1f}", number) : count_text(number);
}

std::string interval_text(const Json& median) {
  if (median.is_null() || median.at("p50").is_null()) return "-";
  return fmt::format("{} [{}, {}]", number_text(median.at("p50")), number_text(median.at("low")),
                     number_text(median.at("high")));
}

std::string time_or_dash(const Json& ns) { return ns.is_null() ? "-" : time_text(ns.get<double>()); }

}  // namespace vmbsave::page
