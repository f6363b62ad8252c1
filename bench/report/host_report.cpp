#include "report/host_report.hpp"

#include "report/json_values.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

Json host_times_json(const bench::HostResult& result) {
  return {{"rounds", result.total_ns.size()},
          {"images_verified", result.images_verified},
          {"over_deadline", result.over_deadline},
          {"blackout_ns", percentiles_json(result.blackout_ns)},
          {"longest_blackout_ns", percentiles_json(result.round_blackout_ns)},
          {"total_ns", percentiles_json(result.total_ns)}};
}

Json host_row_json(const HostRow& row) {
  const bench::HostSpec& spec = row.spec;
  Json json;
  json["name"] = host_name(spec);
  json["vms"] = spec.vms;
  json["packets_of_a_vm"] = spec.packets;
  json["vsp"] = spec.vsp;
  json["order"] = order_name(spec.order);
  json["threads"] = spec.threads;
  json["threads_taken"] = row.result.threads_taken;
  json["deadline_ns"] = spec.deadline_ns;
  json["memory_budget"] = spec.memory_budget == 0 ? Json(nullptr) : Json(spec.memory_budget);
  json["error"] = row.error.empty() ? Json(nullptr) : Json(row.error);
  json["channels"] = row.result.channels;
  json["packets"] = row.result.packets;
  json["image_bytes"] = row.result.image_bytes == 0 ? Json(nullptr) : Json(row.result.image_bytes);
  json["resident_bytes"] = row.result.resident_bytes;
  json["cold"] = host_times_json(row.cold);
  json["warm"] = host_times_json(row.result);
  return json;
}

}  // namespace

Json host_json(const std::string& started_utc, const Json& context, const std::vector<HostRow>& rows) {
  Json json;
  json["schema"] = "vmbsave-host-1";
  json["started_utc"] = started_utc;
  json.update(context);
  json["rows"] = Json::array();
  for (const HostRow& row : rows) json["rows"].push_back(host_row_json(row));
  return json;
}

}  // namespace vmbsave::report
