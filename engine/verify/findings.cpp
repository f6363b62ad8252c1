#include "verify/findings.hpp"

#include <algorithm>

namespace vmbsave::verify {

void Findings::add(Check check, const Place& where, std::string detail) {
  for (Finding& finding : found_) {
    if (finding.check != check) continue;
    ++finding.times;
    return;
  }
  found_.push_back({check, where, 1, std::move(detail)});
  if (on_first_) on_first_(found_.back());
}

bool Findings::has(Check check) const noexcept {
  return std::any_of(found_.begin(), found_.end(), [&](const Finding& finding) { return finding.check == check; });
}

bool Findings::has_any(std::initializer_list<Check> checks) const noexcept {
  return std::any_of(checks.begin(), checks.end(), [this](Check check) { return has(check); });
}

std::vector<Finding> Findings::in_order() const {
  std::vector<Finding> sorted = found_;
  std::sort(sorted.begin(), sorted.end(), [](const Finding& a, const Finding& b) { return a.check < b.check; });
  return sorted;
}

}  // namespace vmbsave::verify
