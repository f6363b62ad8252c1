#include "report/live_report.hpp"

#include <algorithm>

#include "report/calls_json.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
using LivePhaseOfRound = bench::LivePhase bench::LiveRound::*;

constexpr std::pair<const char*, LivePhaseOfRound> kLivePhases[] = {
    {"before", &bench::LiveRound::before}, {"during", &bench::LiveRound::during}, {"after", &bench::LiveRound::after}};

Json live_phase_json(const bench::LivePhase& phase) {
  return {{"latency_ns", calls_json(phase.latency)},
          {"completed", phase.completed},
          {"sent_earlier", phase.sent_earlier},
          {"ns", phase.ns},
          {"per_s", phase.per_second()}};
}

// Over all rounds.
Json live_phases_json(const std::vector<bench::LiveRound>& rounds) {
  Json json;
  for (const auto& [name, of] : kLivePhases) {
    bench::LivePhase all;
    for (const bench::LiveRound& round : rounds) all.add(round.*of);
    json[name] = live_phase_json(all);
    if (of != &bench::LiveRound::during) continue;
    json[name]["met_a_save_ns"] = calls_json(all.met_save);
    json[name]["apart_ns"] = calls_json(all.apart);
  }
  return json;
}

Json live_rounds_json(const std::vector<bench::LiveRound>& rounds) {
  Json json = Json::array();
  for (const bench::LiveRound& round : rounds) {
    Json& of_round = json.emplace_back();
    for (const auto& [name, of] : kLivePhases) of_round[name] = live_phase_json(round.*of);
  }
  return json;
}

// Of each round one ratio, where both phases have enough requests.
Json live_ratio_json(const std::vector<bench::LiveRound>& rounds, LivePhaseOfRound of, double fraction) {
  std::vector<double> ratios;
  for (const bench::LiveRound& round : rounds) {
    const auto before = round.before.latency.percentile(fraction);
    const auto other = (round.*of).latency.percentile(fraction);
    if (!before || !other || *before == 0) continue;
    ratios.push_back(static_cast<double>(*other) / static_cast<double>(*before));
  }
  Json json = median_json(ratios, ratios.size());
  json["rounds"] = ratios.size();
  const auto extreme = [&](const auto& found) { return ratios.empty() ? Json(nullptr) : Json(*found); };
  json["min"] = extreme(std::min_element(ratios.begin(), ratios.end()));
  json["max"] = extreme(std::max_element(ratios.begin(), ratios.end()));
  return json;
}

Json live_ratios_json(const std::vector<bench::LiveRound>& rounds, LivePhaseOfRound of) {
  return {{"p50", live_ratio_json(rounds, of, 0.50)}, {"p99", live_ratio_json(rounds, of, 0.99)}};
}

Json live_saves_json(const bench::LiveSaves& saves) {
  return {{"count", saves.packets.size()},
          {"packets", percentiles_json(saves.packets)},
          {"image_bytes", percentiles_json(saves.image_bytes)},
          {"save_ns", percentiles_json(saves.save_ns)},
          {"blackout_ns", percentiles_json(saves.blackout_ns)},
          {"deferred", percentiles_json(saves.deferred)},
          {"witness_ns", percentiles_json(saves.witness_ns)}};
}

Json live_disk_json(const bench::LiveDiskFacts& disk) {
  return {{"folder", disk.folder},
          {"file_system", or_null(disk.file_system)},
          {"device", or_null(disk.device)},
          {"rotational", or_null(disk.rotational)},
          {"bytes", disk.bytes},
          {"wanted_bytes", disk.wanted_bytes},
          {"direct", disk.direct}};
}

Json live_cpus_json(const bench::LiveCpus& cpus) {
  return {{"guest", or_null(cpus.guest)}, {"vsp", or_null(cpus.vsp)}, {"saver", or_null(cpus.saver)}};
}

Json live_row_json(const LiveRow& row) {
  const bench::LiveResult& result = row.result;
  const auto text = [](const std::string& why) { return why.empty() ? Json(nullptr) : Json(why); };
  Json json;
  json["name"] = row.name;
  json["skipped"] = text(row.skipped);
  json["error"] = text(row.error);
  json["vsp"] = row.spec.vsp == nullptr ? "storvsp" : row.spec.vsp->name;
  json["channels"] = row.spec.channels;
  json["depth"] = row.spec.depth;
  json["block_bytes"] = bench::kLiveBlockBytes;
  json["read_percent"] = row.spec.read_percent;
  json["seed"] = row.spec.seed;
  json["every_ns"] = row.spec.every_ns;
  json["phase_ns"] = row.spec.phase_ns;
  json["save_threads"] = 1;
  json["cpus"] = live_cpus_json(result.cpus);
  json["disk"] = live_disk_json(result.disk);
  json["phases"] = live_phases_json(result.rounds);
  json["during_to_before"] = live_ratios_json(result.rounds, &bench::LiveRound::during);
  json["after_to_before"] = live_ratios_json(result.rounds, &bench::LiveRound::after);
  json["saves"] = live_saves_json(result.saves);
  json["sent"] = result.sent;
  json["completed"] = result.completed;
  json["reads_checked"] = result.reads_checked;
  json["writes"] = result.writes;
  json["images_checked"] = result.images_checked;
  json["packets_checked"] = result.packets_checked;
  json["blocks_checked"] = result.blocks_checked;
  json["rounds"] = live_rounds_json(result.rounds);
  return json;
}

}  // namespace

Json live_json(const std::string& started_utc, const Json& context, const LoadClock& clock,
               const std::vector<LiveRow>& rows) {
  Json json;
  json["schema"] = "vmbsave-live-1";
  json["started_utc"] = started_utc;
  json.update(context);
  json["clock"] = {{"name", clock.name}, {"cost_ns", clock.cost_ns}};
  json["rows"] = Json::array();
  for (const LiveRow& row : rows) json["rows"].push_back(live_row_json(row));
  return json;
}

}  // namespace vmbsave::report
