// matrix.hpp: what times, instructions and counters say of one case, joined into one outcome.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gate/accepted.hpp"
#include "gate/counts.hpp"
#include "gate/timing.hpp"

namespace vmbsave::gate {

enum class Outcome {
  kPass,
  kImproved,
  kWarn,      // passed, with something to look at
  kAccepted,  // slower, and a commit's message accepts it
  kFail,
  kInconclusive,
  kUnmeasured,  // a side failed, outputs differ, or nothing was asked of it
};
const char* outcome_name(Outcome outcome) noexcept;

// More instructions than so are worth a look, or are a regression where no time says otherwise.
struct CountRule {
  double warn = 0.01;
  double fail = 0.02;
};

// All that is known of one case.
struct Evidence {
  CaseName gate_case;
  std::optional<Timing> timing;  // absent: not measured
  std::optional<Counts> base;    // absent: not counted
  std::optional<Counts> head;
  std::string error;  // of the counting
};

struct CaseVerdict {
  Outcome outcome = Outcome::kUnmeasured;
  std::vector<std::string> reasons;  // each in a few words; what decided comes first
  std::optional<double> instruction_ratio;
  std::vector<std::string> accepted;  // lines of messages that made a difference
};

CaseVerdict verdict_on(const Evidence& evidence, const CountRule& rule, const std::vector<Accepted>& accepted);

}  // namespace vmbsave::gate
