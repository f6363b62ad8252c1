// outputs.hpp: a run of the gate, for people and for programs. Each begins with the verdict.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gate/gate.hpp"

namespace vmbsave::gate {

// What is the same in all of them.
struct Reported {
  const GateRun& run;
  const ComparisonOptions& options;
  bool inconclusive_fails = true;

  int exit_code() const { return gate::exit_code(run, inconclusive_fails); }
};

std::string headline(const Reported& reported);  // such as "FAIL: 1 of 22 cases is slower"

std::string gate_table(const Reported& reported);
std::string gate_markdown(const Reported& reported);
std::string gate_junit(const Reported& reported);
// context: what add_context adds.
nlohmann::ordered_json gate_json(const Reported& reported, const nlohmann::ordered_json& context);

}  // namespace vmbsave::gate
