#include "gate/accepted.hpp"

#include <fmt/format.h>

#include <optional>
#include <sstream>

namespace vmbsave::gate {
namespace {

constexpr const char* kKey = "Gate-Accepts: ";

std::optional<Accepted> parse(const std::string& commit, const std::string& line) {
  static const std::regex form(R"((\S+) +(?:(gone)|([a-z_]+) +\+([0-9]+(?:\.[0-9]+)?)%) *: *(\S.*))");
  std::smatch found;
  if (!std::regex_match(line, found, form)) return std::nullopt;
  try {
    Accepted accepted;
    accepted.commit = commit;
    accepted.line = line;
    accepted.pattern = std::regex(found[1].str());
    accepted.metric = found[2].matched ? "gone" : found[3].str();
    accepted.share = found[2].matched ? 0 : std::stod(found[4].str()) / 100;
    return accepted;
  } catch (const std::exception&) {  // no such expression, no such number
    return std::nullopt;
  }
}

}  // namespace

AcceptedLines accepted_in(const std::vector<Git::Message>& messages) {
  AcceptedLines result;
  for (const Git::Message& message : messages) {
    std::istringstream text(message.text);
    for (std::string line; std::getline(text, line);) {
      if (!line.starts_with(kKey)) continue;
      const std::string rest = line.substr(std::string(kKey).size());
      if (auto accepted = parse(message.commit, rest)) {
        result.accepted.push_back(std::move(*accepted));
      } else {
        result.unusable.push_back(
            fmt::format("{}: '{}', expected 'PATTERN METRIC +PERCENT%: reason'", message.commit.substr(0, 12), line));
      }
    }
  }
  return result;
}

Allowance allowance(const std::vector<Accepted>& accepted, const std::string& case_name, const std::string& metric) {
  Allowance result;
  for (const Accepted& one : accepted) {
    if (one.metric != metric || !std::regex_search(case_name, one.pattern)) continue;
    result.share = (1 + result.share) * (1 + one.share) - 1;
    result.shown = &one;
  }
  return result;
}

}  // namespace vmbsave::gate
