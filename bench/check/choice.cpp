// choice.cpp: which findings are asked for.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "check/checked.hpp"

namespace vmbsave::check {
namespace {

std::string in_capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

verify::Check parse_check(const std::string& option, const std::string& text) {
  for (const verify::CheckInfo& info : verify::checks()) {
    if (in_capitals(text) == info.number) return info.check;
  }
  throw std::runtime_error(fmt::format("{}: expected numbers from {} to {}, separated by commas, found '{}'", option,
                                       verify::checks().front().number, verify::checks().back().number, text));
}

}  // namespace

bool Checked::counts(verify::Check check) const noexcept {
  return only.empty() || std::find(only.begin(), only.end(), check) != only.end();
}

void keep_what_counts(Checked& checked) {
  std::erase_if(checked.report.findings, [&](const verify::Finding& finding) {
    return !checked.counts(finding.check) && finding.check != checked.ended_by;
  });
}

std::vector<verify::Check> parse_checks(const std::string& option, const std::string& text) {
  std::vector<verify::Check> checks;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    checks.push_back(parse_check(option, text.substr(at, comma - at)));
    at = comma + 1;
  }
  return checks;
}

}  // namespace vmbsave::check
