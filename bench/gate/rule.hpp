// rule.hpp: what is concluded from the ratios that processes measured, and when more of them are needed.
//
// A value is ln(head's time / base's) of one process: processes are independent, what lies within one is not. The same
// rule judges every benchmark of a run at each look, with a share of the whole error probability.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace vmbsave::gate {

// After so many processes there is a look, with so much of the error probability.
struct Look {
  std::size_t processes;
  double alpha;
};
inline constexpr std::array<Look, 3> kLooks = {{{20, 0.0015}, {40, 0.0015}, {80, 0.002}}};

struct Rule {
  double margin = 0.02;  // a slowdown up to it is nobody's concern: how code lies in memory makes as much
  double target = 0.05;  // one of it must be found, or a pass means nothing
  double power = 0.95;   // with this probability
};

enum class Verdict {
  kPass,          // slower by less than the target, and a slowdown of the target would have been found
  kImproved,      // likewise, and faster by more than the margin
  kFail,          // slower by more than the margin
  kMore,          // not known yet
  kInconclusive,  // not known at the last look either
};
const char* verdict_name(Verdict verdict) noexcept;

struct Judgement {
  Verdict verdict = Verdict::kMore;
  double ratio = 1;       // head's time / base's
  double low = 0;         // its interval, at this look's error probability
  double high = 0;        // infinite: too few processes
  double detectable = 0;  // the smallest slowdown that this look would have found, such as 0.03; infinite: none
};

// values[b]: of benchmark b, one a process, all as many as the look asks for. family: benchmarks that are tested
// together, those included that an earlier look has settled; 0: these.
std::vector<Judgement> judge(std::span<const std::vector<double>> values, const Rule& rule, std::size_t look,
                             std::size_t family = 0);

// Whether a benchmark among so many can fail at all at this look.
bool can_fail(std::size_t benchmarks, std::size_t look) noexcept;

}  // namespace vmbsave::gate
