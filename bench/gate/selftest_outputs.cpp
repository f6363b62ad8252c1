#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "gate/gate.hpp"
#include "gate/other_rules.hpp"
#include "gate/selftest.hpp"
#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

using Json = nlohmann::ordered_json;

std::string verdict_text(const Selftest& selftest) {
  switch (exit_code(selftest)) {
    case bench::kOk:
      return "the self-test holds";
    case bench::kInconclusive:
      return "machine too noisy: more than a tenth of one kind did not know";
    default:
      return "the self-test FAILED";
  }
}

std::string kind_row(const KindTally& kind) {
  const char* const wrong = kind.kind == Kind::kSlower ? "passes" : "fails";
  return fmt::format("{:<8}{:>7}{:>8}{:>7}{:>14}   {} {} of {} wrong {}; at most {:.1f} % with 95 % confidence\n",
                     kind_name(kind.kind), kind.trials, kind.passed, kind.failed, kind.inconclusive,
                     kind.holds() ? "holds:" : "FAILS:", kind.wrong, kind.trials, wrong,
                     100 * report::rate_upper_bound(kind.wrong, kind.trials));
}

std::string coverage_text(const Selftest& selftest) {
  std::string text;
  for (const CoverageResult& one : selftest.coverage) {
    text +=
        fmt::format("{} interval, {} processes, {}: {} above and {} below the median in {} draws, {} of each allowed\n",
                    one.coverage.holds() ? "holds:" : "FAILS:", kLooks[one.look].processes, family_name(one.family),
                    one.coverage.above, one.coverage.below, one.coverage.draws, one.coverage.allowed);
  }
  return text;
}

// A ten-thousandth of a slice: what is finer only takes space.
constexpr std::uint64_t kKeptNs = 100;
std::uint64_t kept(std::uint64_t ns) { return (ns + kKeptNs / 2) / kKeptNs * kKeptNs; }

// Of a trial that others' rules are tried on, with the raw slices.
Json raw_json(const std::vector<Slices>& processes) {
  Json json = Json::array();
  for (const Slices& slices : processes) {
    Json one;
    one["operations"] = slices.operations;
    one["base_ns"] = Json::array();
    one["head_ns"] = Json::array();
    for (const Round& round : slices.rounds) {
      one["base_ns"].push_back(kept(round.base_ns));
      one["head_ns"].push_back(kept(round.head_ns));
    }
    json.push_back(one);
  }
  return json;
}

Json trial_json(const Trial& trial) {
  Json json;
  json["kind"] = kind_name(trial.kind);
  json["variant"] = trial.variant;
  json["verdict"] = verdict_name(trial.timing.verdict);
  json["why"] = trial.timing.why;
  json["ratio"] = trial.timing.first.ratio;
  json["control"] = trial.timing.control.ratio;
  const bool is_raw = trial.kind == Kind::kSame || trial.kind == Kind::kSlower;
  json["processes"] = is_raw ? raw_json(trial.timing.processes) : Json::array();
  json["confirmation"] = is_raw ? raw_json(trial.timing.confirmation) : Json::array();
  return json;
}

// How often one rule said that something is slower, or different.
struct Rate {
  std::size_t said = 0;
  std::size_t of = 0;
  void add(bool says) {
    said += says ? 1 : 0;
    ++of;
  }
};

struct Rates {
  Rate compare_py;  // different, either way
  Rate compare_py_slower;
  Rate duckdb_shown;
  Rate duckdb_fails;
  Rate gate;
  Rate gate_unknown;
};

// Each process next to the next one: a run of base, and one of head.
void add_compare_py(const std::vector<Slices>& processes, Rates& rates) {
  for (std::size_t i = 0; i + 1 < processes.size(); i += 2) {
    const ComparePy says = compare_py_says(processes[i], processes[i + 1]);
    rates.compare_py.add(says != ComparePy::kSame);
    rates.compare_py_slower.add(says == ComparePy::kSlower);
  }
}

void add_duckdb(const std::vector<Slices>& processes, Rates& rates) {
  constexpr std::size_t kNeeded = kDuckDbPairs + kDuckDbConfirming;
  for (std::size_t i = 0; i + kNeeded <= processes.size(); i += kNeeded) {
    const DuckDb says = duckdb_says(std::span(processes).subspan(i, kNeeded));
    rates.duckdb_shown.add(says != DuckDb::kSame);
    rates.duckdb_fails.add(says == DuckDb::kFails);
  }
}

Rates rates_of(const Json& json, const char* kind) {
  Rates rates;
  std::vector<Slices> all;  // of all trials, in the order of time
  for (const Json& trial : json.at("trials")) {
    if (trial.at("kind") != kind) continue;
    rates.gate.add(trial.at("verdict") == "FAIL");
    rates.gate_unknown.add(trial.at("verdict") == "INCONCLUSIVE");
    const std::vector<Slices> processes = processes_of(trial.at("processes"));
    add_compare_py(processes, rates);
    for (const char* const phase : {"processes", "confirmation"}) {
      for (Slices& slices : processes_of(trial.at(phase))) all.push_back(std::move(slices));
    }
  }
  add_duckdb(all, rates);
  return rates;
}

Json rate_json(const Rate& rate) { return {{"said", rate.said}, {"of", rate.of}}; }

std::string percent(const Json& rate) {
  const double of = rate.at("of").get<double>();
  if (of == 0) return "-";
  return fmt::format("{:.1f} % of {:.0f}", 100 * rate.at("said").get<double>() / of, of);
}

}  // namespace

std::string selftest_table(const Selftest& selftest) {
  std::string text = fmt::format("{}: {} trials in {:.0f} s, thresholds of {} benchmarks, commit {}\ncase: {}\n\n",
                                 verdict_text(selftest), selftest.trials.size(), selftest.seconds, selftest.family,
                                 selftest.commit.substr(0, 12), selftest.case_name);
  text += "TRIALS   COUNT    PASS   FAIL  INCONCLUSIVE   WHAT IT SHOWS\n";
  for (const KindTally& kind : tally(selftest)) text += kind_row(kind);
  text += '\n' + coverage_text(selftest);
  text += fmt::format("{} the rule can fail one of {} benchmarks: {} at the last look\n",
                      selftest.can_fail_at_last ? "holds:" : "FAILS:", selftest.family,
                      selftest.can_fail_at_last ? "it can" : "it cannot");
  return text;
}

Json selftest_json(const Selftest& selftest, const Json& context) {
  Json json;
  json["schema"] = "vmbsave-gate-selftest-1";
  json["started_utc"] = selftest.started_utc;
  json["verdict"] = verdict_text(selftest);
  json["exit_code"] = exit_code(selftest);
  json.update(context);
  json["commit"] = selftest.commit;
  json["case"] = selftest.case_name;
  json["family"] = selftest.family;
  json["seconds"] = selftest.seconds;
  json["kinds"] = Json::array();
  for (const KindTally& kind : tally(selftest)) {
    json["kinds"].push_back({{"kind", kind_name(kind.kind)},
                             {"trials", kind.trials},
                             {"passed", kind.passed},
                             {"failed", kind.failed},
                             {"inconclusive", kind.inconclusive},
                             {"wrong", kind.wrong},
                             {"allowed", kind.allowed}});
  }
  json["coverage"] = Json::array();
  for (const CoverageResult& one : selftest.coverage) {
    json["coverage"].push_back({{"family", family_name(one.family)},
                                {"processes", kLooks[one.look].processes},
                                {"draws", one.coverage.draws},
                                {"above", one.coverage.above},
                                {"below", one.coverage.below},
                                {"allowed", one.coverage.allowed}});
  }
  json["can_fail"] = selftest.can_fail_at_last;
  json["trials"] = Json::array();
  for (const Trial& trial : selftest.trials) json["trials"].push_back(trial_json(trial));
  return json;
}

std::vector<Slices> processes_of(const nlohmann::ordered_json& json) {
  std::vector<Slices> processes;
  for (const Json& one : json) {
    Slices& slices = processes.emplace_back();
    slices.operations = one.at("operations").get<std::uint64_t>();
    for (std::size_t i = 0; i < one.at("base_ns").size(); ++i) {
      slices.rounds.push_back(
          {one.at("base_ns").at(i).get<std::uint64_t>(), one.at("head_ns").at(i).get<std::uint64_t>(), 1, 1});
    }
  }
  return processes;
}

Json rules_json(const Json& selftest) {
  const Rates same = rates_of(selftest, "same");
  const Rates slower = rates_of(selftest, "slower");
  Json json{{"schema", "vmbsave-gate-rules-1"}, {"rules", Json::array()}};
  const auto add = [&](const char* rule, Rate Rates::*rate) {
    json["rules"].push_back(
        {{"rule", rule}, {"same_commit", rate_json(same.*rate)}, {"slower", rate_json(slower.*rate)}});
  };
  add("compare.py: one run each, Mann-Whitney p < 0.05, different", &Rates::compare_py);
  add("compare.py: the same, and slower", &Rates::compare_py_slower);
  add("DuckDB: 10 pairs, then 30, shown as 2 % slower", &Rates::duckdb_shown);
  add("DuckDB: the same, failing from 10 %", &Rates::duckdb_fails);
  add("this gate: FAIL", &Rates::gate);
  add("this gate: INCONCLUSIVE", &Rates::gate_unknown);
  return json;
}

std::string rules_table(const Json& rules) {
  std::string text =
      fmt::format("{:<58}{:>20}{:>20}\n", "RULE, ON THE SAME RECORDED PROCESSES", "SAME COMMIT", "5 % SLOWER");
  for (const Json& rule : rules.at("rules")) {
    text += fmt::format("{:<58}{:>20}{:>20}\n", rule.at("rule").get<std::string>(), percent(rule.at("same_commit")),
                        percent(rule.at("slower")));
  }
  return text;
}

}  // namespace vmbsave::gate
