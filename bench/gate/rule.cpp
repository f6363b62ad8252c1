#include "gate/rule.hpp"

#include <algorithm>
#include <cmath>

#include "gate/detectable.hpp"
#include "gate/holm.hpp"
#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

// What it would have found, it would have found among all of the family.
Judgement measure(const std::vector<double>& values, const Rule& rule, double alpha, std::size_t family) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t rank = report::bound_rank(values.size(), alpha / static_cast<double>(family));
  Judgement judgement;
  judgement.ratio = std::exp(report::median_of(values));
  judgement.low = std::exp(report::lower_bound(sorted, alpha));
  judgement.high = std::exp(report::upper_bound(sorted, alpha));
  judgement.detectable = std::expm1(smallest_detectable(values, rank, std::log1p(rule.margin), rule.power));
  return judgement;
}

}  // namespace

const char* verdict_name(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kPass:
      return "PASS";
    case Verdict::kImproved:
      return "IMPROVED";
    case Verdict::kFail:
      return "FAIL";
    case Verdict::kMore:
      return "MORE";
    case Verdict::kInconclusive:
      return "INCONCLUSIVE";
  }
  return "?";
}

std::vector<Judgement> judge(std::span<const std::vector<double>> values, const Rule& rule, std::size_t look,
                             std::size_t family) {
  const double alpha = kLooks[look].alpha;
  std::vector<double> slower;
  std::vector<double> faster;
  for (const std::vector<double>& of_benchmark : values) {
    slower.push_back(report::p_above(of_benchmark, std::log1p(rule.margin)));
    faster.push_back(report::p_below(of_benchmark, -std::log1p(rule.margin)));
  }
  const std::vector<bool> fails = holm(slower, alpha, family);
  const std::vector<bool> improves = holm(faster, alpha, family);
  std::vector<Judgement> judgements;
  for (std::size_t b = 0; b < values.size(); ++b) {
    Judgement& judgement = judgements.emplace_back(measure(values[b], rule, alpha, std::max(family, values.size())));
    const bool known = judgement.high < 1 + rule.target && judgement.detectable <= rule.target;
    if (fails[b]) {
      judgement.verdict = Verdict::kFail;
    } else if (known) {
      judgement.verdict = improves[b] ? Verdict::kImproved : Verdict::kPass;
    } else {
      judgement.verdict = look + 1 == kLooks.size() ? Verdict::kInconclusive : Verdict::kMore;
    }
  }
  return judgements;
}

bool can_fail(std::size_t benchmarks, std::size_t look) noexcept {
  return report::smallest_p(kLooks[look].processes) <=
         kLooks[look].alpha / static_cast<double>(std::max<std::size_t>(benchmarks, 1));
}

}  // namespace vmbsave::gate
