#include "report/load_report.hpp"

#include <algorithm>
#include <numeric>

#include "report/calls_json.hpp"
#include "report/intervals.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

Json times_json(const bench::LoadTimes& times) {
  Json json;
  json["complete_ns"] = calls_json(times.complete);
  json["acquire_ns"] = calls_json(times.acquire);
  json["arrival_ns"] = calls_json(times.arrival);
  json["delivery_ns"] = calls_json(times.delivery);
  json["delivered_per_s"] = times.per_second.empty()
                                ? Json(nullptr)
                                : Json(std::accumulate(times.per_second.begin(), times.per_second.end(), 0.0) /
                                       static_cast<double>(times.per_second.size()));
  return json;
}

Json lost_percent(const bench::LoadResult& result) {
  const Json without = times_json(result.without)["delivered_per_s"];
  const Json during = times_json(result.during)["delivered_per_s"];
  if (without.is_null() || during.is_null() || without.get<double>() == 0) return nullptr;
  return 100 * (1 - during.get<double>() / without.get<double>());
}

Json timeline_times_json(const bench::SaveTimeline::Times& times) {
  return {{"complete_ns", calls_json(times.complete)}, {"delivery_ns", calls_json(times.delivery)}};
}

Json timeline_json(const bench::SaveTimeline& timeline) {
  if (timeline.bins().empty()) return nullptr;
  Json json;
  json["from_ns"] = -static_cast<std::int64_t>(timeline.before_ns());
  json["bin_ns"] = timeline.bin_ns();
  json["before"] = timeline_times_json(timeline.before);
  json["during"] = timeline_times_json(timeline.during);
  json["after"] = timeline_times_json(timeline.after);
  json["bins"] = Json::array();
  for (const bench::SaveTimeline::Bin& bin : timeline.bins()) {
    Json& entry = json["bins"].emplace_back(Json{{"saves", bin.saves}});
    entry.update(timeline_times_json(bin.times));
  }
  return json;
}

Json row_json(const LoadRow& row) {
  const bench::LoadResult& result = row.result;
  Json json;
  json["name"] = row.name;
  json["group"] = row.group;
  json["implementation"] = row.implementation;
  json["channels"] = row.spec.channels;
  json["packets"] = row.spec.packets;
  json["arrivals_per_s"] = row.spec.arrivals_per_s == 0 ? Json(nullptr) : Json(row.spec.arrivals_per_s);
  json["service_ns"] = row.spec.service_ns;
  json["gap_ns"] = row.spec.gap_ns;
  json["pinned"] = row.spec.pinned;
  json["save_threads"] = row.spec.save_threads;
  json["measured_every"] = row.spec.measured_every;
  json["error"] = row.error.empty() ? Json(nullptr) : Json(row.error);
  json["rounds"] = result.round_blackout_ns.size();
  json["saves"] = result.blackout_ns.size();
  json["saved_packets"] = result.saved_packets;
  json["issued"] = result.issued;
  json["delivered"] = result.delivered;
  json["lost"] = result.lost;
  json["delivered_twice"] = result.delivered_twice;
  json["deferred"] = result.deferred;
  json["refused"] = result.refused;
  json["blackout_ns"] = percentiles_json(result.blackout_ns);
  const Median ratio = median(row.blackout_to_engine);
  json["blackout_to_engine"] = {
      {"p50", or_null(ratio.p50)}, {"low", or_null(ratio.low)}, {"high", or_null(ratio.high)}};
  json["without_saves"] = times_json(result.without);
  json["with_saves"] = times_json(result.during);
  json["throughput_lost_percent"] = lost_percent(result);
  json["idle_gap_ns"] = calls_json(result.idle);
  json["timeline"] = timeline_json(result.timeline);
  return json;
}

}  // namespace

Json load_json(const std::string& started_utc, const Json& context, const LoadClock& clock,
               const std::vector<LoadRow>& rows) {
  Json json;
  json["schema"] = "vmbsave-load-1";
  json["started_utc"] = started_utc;
  json.update(context);
  json["clock"] = {{"name", clock.name}, {"cost_ns", clock.cost_ns}};
  json["rows"] = Json::array();
  for (const LoadRow& row : rows) json["rows"].push_back(row_json(row));
  return json;
}

}  // namespace vmbsave::report
