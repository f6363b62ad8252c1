#include "gate/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vmbsave::gate {
namespace {

// Of an operation that takes new memory, how the heap happens to lie makes a few. None at all stays none.
constexpr double kFaultSlack = 0.01;

// What instructions say.
enum class Count { kNone, kSame, kMore, kTooMany };

class Judge {
 public:
  Judge(const Evidence& evidence, const CountRule& rule, const std::vector<Accepted>& accepted)
      : evidence_(evidence), rule_(rule), accepted_(accepted) {}

  CaseVerdict finish() {
    if (is_broken()) return std::move(verdict_);
    const Count count = look_at_instructions();
    join(look_at_time(), count);
    look_at_counters();
    return std::move(verdict_);
  }

 private:
  const std::string& name() const { return evidence_.gate_case.name; }

  void settle(Outcome outcome, std::string reason) {
    verdict_.outcome = outcome;
    if (!reason.empty()) verdict_.reasons.insert(verdict_.reasons.begin(), std::move(reason));
  }

  bool is_broken() {
    const std::string error = !evidence_.error.empty()                               ? evidence_.error
                              : evidence_.timing && !evidence_.timing->error.empty() ? evidence_.timing->error
                                                                                     : "";
    if (!error.empty()) {
      settle(Outcome::kUnmeasured, error);
    } else if (evidence_.base && evidence_.head && evidence_.base->digest != evidence_.head->digest) {
      settle(Outcome::kUnmeasured, "the sides do not give the same packets");
    } else if (!evidence_.timing && !evidence_.head) {
      settle(Outcome::kUnmeasured, "nothing was measured");
    } else {
      return false;
    }
    return true;
  }

  // Whether a message accepts as much.
  bool accepts(const std::string& metric, double share) {
    const Allowance allowed = allowance(accepted_, name(), metric);
    if (allowed.shown == nullptr || share > allowed.share) return false;
    verdict_.accepted.push_back(fmt::format("{} {}", allowed.shown->commit.substr(0, 12), allowed.shown->line));
    return true;
  }

  Count look_at_instructions() {
    if (!evidence_.base || !evidence_.head || !evidence_.base->instructions || !evidence_.head->instructions) {
      return Count::kNone;
    }
    const double ratio =
        static_cast<double>(*evidence_.head->instructions) / static_cast<double>(*evidence_.base->instructions);
    verdict_.instruction_ratio = ratio;
    if (ratio <= 1 + rule_.warn || accepts("instructions", ratio - 1)) return Count::kSame;
    return ratio <= 1 + rule_.fail ? Count::kMore : Count::kTooMany;
  }

  // By the lower bound: what is accepted is not to be exceeded for certain.
  std::optional<Verdict> look_at_time() {
    if (!evidence_.timing) return std::nullopt;
    Verdict verdict = evidence_.timing->verdict;
    if (verdict == Verdict::kFail && accepts("time", evidence_.timing->first.low - 1)) time_is_accepted_ = true;
    return verdict;
  }

  void join(std::optional<Verdict> time, Count count) {
    const std::string more = verdict_.instruction_ratio
                                 ? fmt::format("{:+.2f} % instructions", 100 * (*verdict_.instruction_ratio - 1))
                                 : "";
    const bool is_more = count == Count::kMore || count == Count::kTooMany;
    const bool has_no_more = verdict_.instruction_ratio && *verdict_.instruction_ratio <= 1 + rule_.warn;
    const std::string why = evidence_.timing ? evidence_.timing->why : "";
    if (!time && count == Count::kNone) {
      settle(Outcome::kUnmeasured, evidence_.head->why_not);
    } else if (time == Verdict::kFail && time_is_accepted_) {
      settle(Outcome::kAccepted, "slower, as a message accepts");
    } else if (time == Verdict::kFail) {
      settle(Outcome::kFail, has_no_more ? "layout, caches or memory: not more instructions; " + why : why);
    } else if (count == Count::kTooMany && (!time || time == Verdict::kInconclusive)) {
      settle(Outcome::kFail, more);
    } else if (time == Verdict::kInconclusive) {
      settle(Outcome::kInconclusive, why);
    } else if (is_more) {
      settle(Outcome::kWarn, more + (time ? ", not slower on this machine" : ""));
    } else {
      settle(time == Verdict::kImproved ? Outcome::kImproved : Outcome::kPass, "");
    }
  }

  // Any growth is one too many, unless it is accepted.
  void look_at_counters() {
    if (!evidence_.base || !evidence_.head) return;
    look_at_lost();
    for (const auto& [counter, head] : evidence_.head->counters) {
      const auto base = evidence_.base->counters.find(counter);
      if (base == evidence_.base->counters.end() || base->second == head) continue;
      const std::string text = fmt::format("{}: {}, was {}", counter, head, base->second);
      if (head < base->second) {
        verdict_.reasons.push_back(text);
        continue;
      }
      // Of nothing there is no share: any percentage that is accepted accepts it.
      const double share = base->second == 0 ? 0 : static_cast<double>(head) / static_cast<double>(base->second) - 1;
      if (counter == kPageFaults && base->second != 0 && share <= kFaultSlack) {
        verdict_.reasons.push_back(text);
      } else if (accepts(counter, share)) {
        verdict_.reasons.push_back(text + ", accepted");
      } else {
        settle(Outcome::kFail, text);
      }
    }
  }

  // What was exact and is not any more, or is not counted, can't be shown to be no worse.
  void look_at_lost() {
    for (const auto& [counter, base] : evidence_.base->counters) {
      if (evidence_.head->counters.contains(counter) || accepts(counter, 0)) continue;
      const auto varying = evidence_.head->varying.find(counter);
      settle(Outcome::kFail,
             fmt::format("{}: {}, was {}", counter,
                         varying == evidence_.head->varying.end() ? "not counted" : varying->second, base));
    }
  }

  const Evidence& evidence_;
  const CountRule& rule_;
  const std::vector<Accepted>& accepted_;
  bool time_is_accepted_ = false;
  CaseVerdict verdict_;
};

}  // namespace

const char* outcome_name(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kPass:
      return "PASS";
    case Outcome::kImproved:
      return "IMPROVED";
    case Outcome::kWarn:
      return "WARN";
    case Outcome::kAccepted:
      return "ACCEPTED";
    case Outcome::kFail:
      return "FAIL";
    case Outcome::kInconclusive:
      return "INCONCLUSIVE";
    case Outcome::kUnmeasured:
      return "UNMEASURED";
  }
  return "?";
}

CaseVerdict verdict_on(const Evidence& evidence, const CountRule& rule, const std::vector<Accepted>& accepted) {
  return Judge(evidence, rule, accepted).finish();
}

}  // namespace vmbsave::gate
