#include "report/bench_report.hpp"

#include <algorithm>

#include "report/json_values.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json phases_json(const RowSamples& samples) {
  Json json = Json::object();
  for (unsigned p = 0; p < kSavePhases; ++p) {
    if (samples.phase_ns[p].empty()) continue;
    json[phase_name(static_cast<SavePhase>(p))] = percentiles_json(samples.phase_ns[p]);
  }
  return json;
}

// The cut's share of each save.
Json cut_share(const RowSamples& samples) {
  const std::vector<std::uint64_t>& cut = samples.phase_ns[static_cast<unsigned>(SavePhase::kCut)];
  if (cut.empty() || cut.size() != samples.save_ns.size()) return nullptr;
  std::vector<double> shares;
  for (std::size_t i = 0; i < cut.size(); ++i) {
    shares.push_back(static_cast<double>(cut[i]) / static_cast<double>(std::max<std::uint64_t>(samples.save_ns[i], 1)));
  }
  return median_json(shares, samples.repetitions);
}

std::size_t zeroes(const std::vector<std::uint64_t>& counts) {
  return static_cast<std::size_t>(std::count(counts.begin(), counts.end(), 0u));
}

Json ns_per_packet(const BenchRow& row) {
  const std::optional<std::uint64_t> p50 = percentiles(row.samples.save_ns).p50;
  if (!p50 || row.point.packets == 0) return nullptr;
  return static_cast<double>(*p50) / static_cast<double>(row.point.packets);
}

const char* cache(const BenchRow& row) {
  if (row.first_touch) return "first_touch";
  return row.cold ? "cold" : "warm";
}

void add_identity(Json& json, const BenchRow& row) {
  json["name"] = row.name;
  json["implementation"] = row.implementation;
  json["face"] = text_or_null(row.face);
  json["plan"] = row.samples.plan ? Json(plan_name(*row.samples.plan)) : Json(nullptr);
  json["executor"] = row.executor;
  json["threads"] = row.threads;
  json["threads_taken"] = or_null(row.samples.threads_taken);
  json["point"] = row.point_name;
  json["vsp"] = bench::vsp_name(row.point);
  json["floor"] = row.floor;
  json["channels"] = row.point.channels;
  json["packets"] = row.point.packets;
  json["state_min_bytes"] = row.point.state_min_bytes;
  json["state_max_bytes"] = row.point.state_max_bytes;
  json["skew_percent"] = row.point.skew_percent;
  json["concurrent_callbacks"] = row.point.concurrent_callbacks;
  json["in_order"] = row.point.in_order;
  json["stateful_percent"] = row.point.stateful_percent;
  json["callback_ns"] = row.point.callback_ns;
  json["slow_callback_ns"] = row.point.slow_callback_ns;
  json["mix"] = bench::mix_name(row.point.mix);
  json["checksum"] = row.checksum;
  json["cache"] = cache(row);
  json["pages"] = row.small_pages ? "4k" : "default";
}

Json row_json(const BenchRow& row) {
  const RowSamples& samples = row.samples;
  Json json;
  add_identity(json, row);
  json["verified"] = row.verified;
  json["error"] = text_or_null(row.error);
  json["repetitions"] = samples.repetitions;
  json["saves"] = samples.save_ns.size();
  json["image_bytes"] = samples.image_bytes;
  json["memory_used"] = or_null(samples.memory_used);
  json["memory_mapped"] = or_null(samples.memory_mapped);
  json["huge_page_bytes"] = or_null(samples.huge_page_bytes);
  json["first_save_ns"] = samples.first_save_ns;
  json["save_ns"] = percentiles_json(samples.save_ns, samples.repetitions);
  json["hiccup_windows"] = samples.hiccup_ns.size();
  json["hiccup_ns"] = percentiles_json(samples.hiccup_ns);
  json["ns_per_packet"] = ns_per_packet(row);
  json["ratio_to_floor"] = median_json(samples.ratio_to_floor, samples.repetitions);
  json["ratio_to_engine"] =
      samples.ratio_to_engine.empty() ? Json(nullptr) : median_json(samples.ratio_to_engine, samples.repetitions);
  json["times_faster_than_documented_sequential"] =
      median_json(samples.times_faster_than_documented_sequential, samples.repetitions);
  json["saves_without_page_faults"] = zeroes(samples.page_faults);
  json["counted_saves"] = samples.allocator_calls.size();
  json["counted_saves_without_allocator_calls"] = zeroes(samples.allocator_calls);
  json["cut_share"] = cut_share(samples);
  json["page_faults_p50"] = or_null(percentiles(samples.page_faults).p50);
  json["allocator_calls_p50"] = or_null(percentiles(samples.allocator_calls).p50);
  json["phases_ns"] = phases_json(samples);
  json["samples_ns"] = samples.save_ns;
  return json;
}

}  // namespace

Json bench_json(const std::string& suite, const std::string& started_utc, const Json& context,
                const std::vector<BenchRow>& rows, const std::vector<RooflineRow>& roofline,
                const std::vector<OperationRow>& operations, const std::vector<LeftOutRow>& left_out,
                const std::vector<TransferRow>& transfers) {
  Json json;
  json["schema"] = "vmbsave-bench-1";
  json["started_utc"] = started_utc;
  json["suite"] = suite;
  json.update(context);
  json["roofline"] = roofline_json(roofline);
  json["operations"] = operations_json(operations);
  json["transfers"] = transfers_json(transfers);
  json["rows"] = Json::array();
  for (const BenchRow& row : rows) json["rows"].push_back(row_json(row));
  json["left_out"] = Json::array();
  for (const LeftOutRow& row : left_out) json["left_out"].push_back({{"name", row.name}, {"reason", row.reason}});
  return json;
}

}  // namespace vmbsave::report
