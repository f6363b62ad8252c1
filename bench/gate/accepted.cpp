#include "gate/accepted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace vmbsave::gate {
namespace {

constexpr const char* kKey = "Gate-Accepts: ";

// Takes what it reads off the front of a line.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  std::string_view word(std::string_view ends) {
    const std::string_view word = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(word.size());
    return word;
  }
  void spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }
  bool takes(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Not negative, and no exponent.
  bool takes_number(double& number) {
    const char* const end = rest_.data() + rest_.size();
    const auto [after, error] = std::from_chars(rest_.data(), end, number, std::chars_format::fixed);
    if (error != std::errc{} || rest_.starts_with('-')) return false;
    rest_.remove_prefix(static_cast<std::size_t>(after - rest_.data()));
    return true;
  }
  bool has_more() const { return !rest_.empty(); }

 private:
  std::string_view rest_;
};

std::optional<Accepted> parse(const std::string& commit, const std::string& line) {
  Reader reader(line);
  const std::string pattern(reader.word(" "));
  reader.spaces();
  const std::string metric(reader.word(" :"));
  reader.spaces();
  double percent = 0;
  if (pattern.empty() || metric.empty()) return std::nullopt;
  if (metric != "gone" && !(reader.takes('+') && reader.takes_number(percent) && reader.takes('%')))
    return std::nullopt;
  reader.spaces();
  if (!reader.takes(':')) return std::nullopt;
  reader.spaces();
  if (!reader.has_more()) return std::nullopt;  // why?
  try {
    return Accepted{commit, line, bench::Pattern(pattern), metric, percent / 100};
  } catch (const std::invalid_argument&) {
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
    if (one.metric != metric || !one.pattern.finds(case_name)) continue;
    result.share = (1 + result.share) * (1 + one.share) - 1;
    result.shown = &one;
  }
  return result;
}

}  // namespace vmbsave::gate
