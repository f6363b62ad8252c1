#include "gate/output_rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "harness/one_line.hpp"

namespace vmbsave::gate {
namespace {

const Timing* timing_of(const ComparedCase& compared) {
  const auto& timing = compared.evidence.timing;
  return timing && timing->error.empty() && !timing->processes.empty() ? &*timing : nullptr;
}

}  // namespace

std::string ratio_text(const ComparedCase& compared) {
  const Timing* const timing = timing_of(compared);
  if (timing == nullptr || timing->first.high == 0) return "-";
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", timing->first.ratio, timing->first.low, timing->first.high);
}

std::string detectable_text(const ComparedCase& compared) {
  const Timing* const timing = timing_of(compared);
  if (timing == nullptr || timing->first.high == 0) return "-";
  return std::isfinite(timing->first.detectable) ? fmt::format("{:.1f} %", 100 * timing->first.detectable) : "none";
}

std::string instructions_text(const ComparedCase& compared) {
  const auto& ratio = compared.verdict.instruction_ratio;
  return ratio ? fmt::format("{:+.2f} %", 100 * (*ratio - 1)) : "-";
}

std::string reasons_text(const ComparedCase& compared) {
  std::vector<std::string> reasons = compared.verdict.reasons;
  for (const std::string& line : compared.verdict.accepted) reasons.push_back("accepted by " + line);
  return bench::one_line(fmt::format("{}", fmt::join(reasons, "; ")));
}

std::string side_text(const Build& build) {
  const std::string commit = build.commit.substr(0, 12);
  if (build.name == kWorktree) return fmt::format("the work tree on {}", commit);
  return bench::one_line(build.subject.empty() ? commit : fmt::format("{} ({})", commit, build.subject));
}

}  // namespace vmbsave::gate
