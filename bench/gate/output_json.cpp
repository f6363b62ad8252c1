// gate.schema.json describes it.
#include <cmath>
#include <nlohmann/json.hpp>

#include "gate/outputs.hpp"

namespace vmbsave::gate {
namespace {

using Json = nlohmann::ordered_json;

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// null: nothing was judged.
Json judgement_json(const Judgement& judgement) {
  if (judgement.high == 0) return nullptr;
  Json json;
  json["ratio"] = finite(judgement.ratio);
  json["low"] = finite(judgement.low);
  json["high"] = finite(judgement.high);
  json["detectable"] = finite(judgement.detectable);
  return json;
}

Json processes_json(const std::vector<Slices>& processes) {
  Json json = Json::array();
  for (const Slices& slices : processes) json.push_back(slices_json(slices));
  return json;
}

Json time_json(const Timing& timing) {
  Json json;
  json["verdict"] = verdict_name(timing.verdict);
  json["look"] = timing.look + 1;
  json["first"] = judgement_json(timing.first);
  json["again"] = judgement_json(timing.again);
  json["control"] = judgement_json(timing.control);
  json["processes"] = processes_json(timing.processes);
  json["confirmation"] = processes_json(timing.confirmation);
  return json;
}

Json counts_json(const Counts& counts) {
  Json json;
  json["digest"] = counts.digest;
  json["instructions"] = counts.instructions ? Json(*counts.instructions) : Json(nullptr);
  json["why_not"] = counts.why_not;
  json["counters"] = Json::object();
  for (const auto& [name, value] : counts.counters) json["counters"][name] = value;
  json["varying"] = Json::object();
  for (const auto& [name, values] : counts.varying) json["varying"][name] = values;
  return json;
}

Json case_json(const ComparedCase& compared) {
  const Evidence& evidence = compared.evidence;
  Json json;
  json["name"] = evidence.gate_case.name;
  json["threads"] = evidence.gate_case.threads;
  json["verdict"] = outcome_name(compared.verdict.outcome);
  json["reasons"] = compared.verdict.reasons;
  json["accepted"] = compared.verdict.accepted;
  json["time"] = evidence.timing ? time_json(*evidence.timing) : Json(nullptr);
  json["instruction_ratio"] =
      compared.verdict.instruction_ratio ? Json(*compared.verdict.instruction_ratio) : Json(nullptr);
  json["base_counts"] = evidence.base ? counts_json(*evidence.base) : Json(nullptr);
  json["head_counts"] = evidence.head ? counts_json(*evidence.head) : Json(nullptr);
  return json;
}

Json side_json(const Build& build) {
  Json json;
  json["name"] = build.name;
  json["commit"] = build.commit;
  json["subject"] = build.subject;
  return json;
}

Json accepted_json(const AcceptedLines& lines) {
  Json json = Json::array();
  for (const Accepted& accepted : lines.accepted)
    json.push_back({{"commit", accepted.commit}, {"line", accepted.line}});
  return json;
}

Json against_json(const AgainstOne& one) {
  Json json;
  json["what"] = one.what;
  json["base"] = side_json(one.comparison.base);
  json["head"] = side_json(one.comparison.head);
  json["margin"] = one.comparison.rule.margin;
  json["target"] = one.comparison.rule.target;
  json["instructions_warn"] = one.comparison.count_rule.warn;
  json["instructions_fail"] = one.comparison.count_rule.fail;
  json["identical"] = one.comparison.is_identical;
  json["accepted"] = accepted_json(one.accepted);
  json["notes"] = one.comparison.notes;
  json["cases"] = Json::array();
  for (const ComparedCase& compared : one.comparison.cases) json["cases"].push_back(case_json(compared));
  return json;
}

}  // namespace

Json gate_json(const Reported& reported, const Json& context) {
  Json json;
  json["schema"] = "vmbsave-gate-1";
  json["started_utc"] = reported.run.started_utc;
  json["verdict"] = headline(reported);
  json["exit_code"] = reported.exit_code();
  json.update(context);
  json["suite"] = reported.options.suite;
  json["seed"] = reported.options.seed;
  json["seconds"] = reported.run.seconds;
  json["notes"] = reported.run.notes;
  json["not_made"] = Json::array();
  for (const auto& [what, why] : reported.run.not_made) json["not_made"].push_back({{"what", what}, {"why", why}});
  json["against"] = Json::array();
  for (const AgainstOne& one : reported.run.against) json["against"].push_back(against_json(one));
  return json;
}

}  // namespace vmbsave::gate
