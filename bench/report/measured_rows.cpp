#include "report/measured_rows.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <initializer_list>
#include <utility>

#include "report/result_text.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
using Keys = std::initializer_list<const char*>;
using Rows = std::vector<MeasuredRow>;

std::optional<double> value_of(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || object.at(key).is_null()) return std::nullopt;
  return object.at(key).get<double>();
}

Median median_in(const Json& json) { return {value_of(json, "p50"), value_of(json, "low"), value_of(json, "high")}; }

// Older files have no interval.
Median percentiles_in(const Json& json) {
  return {value_of(json, "p50"), value_of(json, "p50_low"), value_of(json, "p50_high")};
}

// Older files have fewer of them.
Json picked(const Json& object, Keys keys) {
  Json some = Json::object();
  for (const char* const key : keys) {
    if (object.contains(key)) some[key] = object.at(key);
  }
  return some;
}

std::string why_not(const Json& row) {
  for (const char* const key : {"error", "skipped"}) {
    if (row.contains(key) && row.at(key).is_string()) return row.at(key).get<std::string>();
  }
  return row.contains("verified") && row.at("verified") != true ? "not verified" : "";
}

// Of "save/engine/fused/channels:1/packets:64/threads:2": the group is "channels:1/packets:64", the label
// "engine/fused/threads:2".
void split_name(MeasuredRow& row, const std::string& prefix) {
  std::string rest = row.name.starts_with(prefix) ? row.name.substr(prefix.size()) : row.name;
  const std::size_t point = rest.find("channels:");
  const std::size_t end = rest.find("/threads:");
  row.group = row.kind;
  if (point != std::string::npos && end != std::string::npos && point < end) {
    row.group += ", " + rest.substr(point, end - point);
    rest.erase(point, end + 1 - point);
  }
  row.label = rest;
}

MeasuredRow row_of(const Json& json, const char* kind, const std::string& prefix) {
  MeasuredRow row;
  row.kind = kind;
  row.name = json.at("name").get<std::string>();
  row.why_not = why_not(json);
  split_name(row, prefix);
  return row;
}

MeasuredRow save_row(const Json& json) {
  MeasuredRow row = row_of(json, "save", "save/");
  row.settings = picked(json, {"implementation", "face", "executor", "threads", "point", "vsp", "floor", "channels",
                               "packets", "checksum", "cache", "pages"});
  row.exact = picked(json, {"plan", "threads_taken", "image_bytes", "allocator_calls_p50", "page_faults_p50"});
  row.repetitions = json.value("repetitions", std::size_t{1});
  const auto samples = json.at("samples_ns").get<std::vector<double>>();
  row.samples = samples.size();
  row.time = median(samples, row.repetitions);
  const std::string floor = json.value("floor", "copy_floor");
  row.is_yardstick = json.at("implementation") == floor;
  if (row.is_yardstick) return row;
  row.beside = floor;
  row.ratio = median_in(json.at("ratio_to_floor"));
  return row;
}

MeasuredRow transfer_row(const Json& json) {
  MeasuredRow row = row_of(json, "transfer", "image/");
  row.settings = picked(json, {"threads", "packets"});
  row.exact = picked(json, {"image_bytes"});
  if (json.contains("samples")) row.samples = json.at("samples").get<std::size_t>();
  row.time = percentiles_in(json.at("ns"));
  row.ratio = median_in(json.at("ratio_to_copy"));  // not that to a fused save, which a commit may make another
  if (row.ratio.p50) row.beside = "copy";
  return row;
}

MeasuredRow operation_row(const Json& json) {
  MeasuredRow row = row_of(json, "operation", "operations/");
  row.settings = picked(json, {"operations"});
  row.time = median_in(json.at("ns"));
  return row;
}

MeasuredRow roofline_row(const Json& json) {
  MeasuredRow row = row_of(json, "roofline", "roofline/");
  row.settings = picked(json, {"bytes", "threads", "streaming"});
  row.time = percentiles_in(json.at("copy_ns"));
  row.is_yardstick = true;
  return row;
}

template <class RowOf>
void add_rows(Rows& rows, const Json& result, const char* key, RowOf&& row_of_json) {
  if (!result.contains(key)) return;
  for (const Json& json : result.at(key)) rows.push_back(row_of_json(json));
}

Rows bench_rows(const Json& result) {
  Rows rows;
  add_rows(rows, result, "rows", save_row);
  add_rows(rows, result, "transfers", transfer_row);
  add_rows(rows, result, "operations", operation_row);
  add_rows(rows, result, "roofline", roofline_row);
  return rows;
}

Rows replay_rows(const Json& json) {
  MeasuredRow row;
  row.kind = "replay";
  row.group = "replay: trace, service time, VMs, threads";
  const std::string trace = std::filesystem::path(json.at("trace").get<std::string>()).filename().string();
  const Json& service = json.at("service_time_ns");
  row.label = fmt::format("{}/{}/vms:{}/threads:{}", trace,
                          service.is_null() ? "measured" : duration_text(service.get<double>()),
                          json.at("vms").get<std::uint64_t>(), json.at("threads").get<std::uint64_t>());
  row.name = "replay/" + row.label;
  row.settings = picked(json, {"format", "vsp", "service_time_ns", "completion_delay_ns", "requests", "shift_ns",
                               "one_cut", "epochs", "save_at_ns", "packets_in_use", "channels", "plan_asked",
                               "concurrent_callbacks", "checksum", "check_level"});
  row.exact = picked(json, {"plan", "threads_taken", "image_bytes"});
  if (json.contains("repeat")) row.samples = json.at("repeat").get<std::size_t>();
  row.time = percentiles_in(json.at("save_ns"));
  if (json.at("verified") != true || json.at("restored") != true) row.why_not = "not verified and restored";
  return {row};
}

MeasuredRow load_row(const Json& json) {
  MeasuredRow row = row_of(json, "load", "load/");
  row.label += ": blackout";
  row.settings = picked(json, {"implementation", "channels", "packets", "arrivals_per_s", "service_ns", "gap_ns",
                               "pinned", "save_threads", "measured_every"});
  row.time = percentiles_in(json.at("blackout_ns"));
  return row;  // beside the others runs the engine, which is what is compared: no yardstick
}

// A row is two: how long its saves take, and what they do to the requests.
void add_live(Rows& rows, const Json& json) {
  MeasuredRow row = row_of(json, "live", "live/");
  row.settings = picked(json, {"vsp", "channels", "depth", "block_bytes", "read_percent", "seed", "every_ns",
                               "phase_ns", "save_threads"});
  row.settings["disk"] = picked(json.at("disk"), {"file_system", "bytes", "direct"});
  MeasuredRow requests = row;
  row.name += ": blackout";
  row.label += ": blackout";
  row.time = percentiles_in(json.at("saves").at("blackout_ns"));
  requests.name += ": requests while saving";
  requests.label += ": requests while saving";
  requests.time.p50 = value_of(json.at("phases").at("during").at("latency_ns"), "p50");
  requests.beside = "requests before";
  requests.ratio = median_in(json.at("during_to_before").at("p50"));
  rows.push_back(row);
  rows.push_back(requests);
}

Rows live_rows(const Json& result) {
  Rows rows;
  for (const Json& json : result.at("rows")) add_live(rows, json);
  return rows;
}

Rows load_rows(const Json& result) {
  Rows rows;
  add_rows(rows, result, "rows", load_row);
  return rows;
}

Rows host_rows(const Json& result) {
  Rows rows;
  for (const Json& json : result.at("rows")) {
    for (const auto& [key, what] :
         {std::pair("blackout_ns", ": blackout"), std::pair("total_ns", ": all of a round")}) {
      MeasuredRow& row = rows.emplace_back(row_of(json, "host", "host/"));
      row.name += what;
      row.label += what;
      row.settings = picked(json, {"vms", "packets_of_a_vm", "vsp", "order", "threads", "deadline_ns"});
      row.exact = picked(json, {"threads_taken", "channels", "packets", "image_bytes"});
      row.time = percentiles_in(json.at("warm").at(key));
    }
  }
  return rows;
}

struct SchemaRows {
  const char* schema;
  Rows (*rows)(const Json& result);
};
constexpr SchemaRows kSchemaRows[] = {{"vmbsave-bench-1", bench_rows},
                                      {"vmbsave-replay-1", replay_rows},
                                      {"vmbsave-load-1", load_rows},
                                      {"vmbsave-live-1", live_rows},
                                      {"vmbsave-host-1", host_rows}};

}  // namespace

std::vector<MeasuredRow> measured_rows(const Json& result) {
  for (const auto& [schema, rows] : kSchemaRows) {
    if (result.at("schema") == schema) return rows(result);
  }
  return {};
}

}  // namespace vmbsave::report
