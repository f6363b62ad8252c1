#include "report/compare_output.hpp"
#include "report/json_values.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

Json interval_json(const Median& median) {
  return {{"p50", or_null(median.p50)}, {"low", or_null(median.low)}, {"high", or_null(median.high)}};
}

Json exact_json(const std::vector<ExactDifference>& differences) {
  Json json = Json::array();
  for (const auto& [name, a, b] : differences) json.push_back({{"name", name}, {"a", a}, {"b", b}});
  return json;
}

Json side_json(const ComparedSide& side) {
  return {{"name", side.name},
          {"started_utc", side.started_utc.empty() ? Json(nullptr) : Json(side.started_utc)},
          {"suites", side.suites},
          {"machine", side.machine},
          {"build", side.build},
          {"libraries", side.libraries},
          {"allocators", side.allocators},
          {"engine_commits_since", or_null(side.engine_commits_since)}};
}

Json whole_ns(const std::optional<double>& ns) {
  return ns ? Json(static_cast<std::uint64_t>(std::llround(*ns))) : Json(nullptr);
}

Json row_json_of(const ComparedRow& row) {
  Json json;
  json["kind"] = row.a.kind;
  json["name"] = row.a.name;
  json["yardstick"] = row.a.is_yardstick;
  json["repetitions"] = {{"a", row.a.repetitions}, {"b", row.b.repetitions}};
  json["time_ns"] = {{"a", whole_ns(row.a.time.p50)}, {"b", whole_ns(row.b.time.p50)}};
  json["time_ratio"] = interval_json(row.time);
  json["beside"] = row.a.beside.empty() ? Json(nullptr) : Json(row.a.beside);
  json["times_beside"] = {{"a", interval_json(row.a.ratio)}, {"b", interval_json(row.b.ratio)}};
  json["beside_ratio"] = interval_json(row.ratio);
  json["difference"] = difference_word(row.difference);
  json["by_time"] = row.is_by_time;
  json["why_not_known"] = row.why.empty() ? Json(nullptr) : Json(row.why);
  json["exact_differences"] = exact_json(row.exact);
  return json;
}

}  // namespace

Json compare_json(const Comparison& comparison) {
  Json json;
  json["schema"] = "vmbsave-compare-1";
  json["a"] = side_json(comparison.a);
  json["b"] = side_json(comparison.b);
  json["across_machines"] = comparison.across_machines;
  json["margin"] = kCompareMargin;
  json["context_differences"] = exact_json(comparison.context);
  json["copies_time_ratio"] =
      comparison.drift ? Json{{"least", comparison.drift->least}, {"most", comparison.drift->most}} : Json(nullptr);
  json["rows"] = Json::array();
  for (const ComparedRow& row : comparison.rows) json["rows"].push_back(row_json_of(row));
  json["only_in_a"] = comparison.only_a;
  json["only_in_b"] = comparison.only_b;
  json["not_compared"] = Json::array();
  for (const auto& [name, why] : comparison.not_compared) {
    json["not_compared"].push_back({{"name", name}, {"why", why}});
  }
  json["notes"] = comparison.notes;
  return json;
}

}  // namespace vmbsave::report
