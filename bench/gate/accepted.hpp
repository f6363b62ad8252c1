// accepted.hpp: slowdowns that a commit's message accepts, one line each:
//
//   Gate-Accepts: PATTERN METRIC +PERCENT%: reason
//
// PATTERN: a regular expression that finds the case's name; METRIC: time, instructions, a counter's name, or "gone" for
// a case that there is no more, which has no percentage.
#pragma once

#include <string>
#include <vector>

#include "gate/git.hpp"
#include "harness/pattern.hpp"

namespace vmbsave::gate {

struct Accepted {
  std::string commit;
  std::string line;  // as it stands there, without "Gate-Accepts: "
  bench::Pattern pattern;
  std::string metric;
  double share = 0;  // 0.03: three percent more
};

struct AcceptedLines {
  std::vector<Accepted> accepted;
  std::vector<std::string> unusable;  // lines that say something else, with their commit, each in one line
};

AcceptedLines accepted_in(const std::vector<Git::Message>& messages);

// How much more of a metric is accepted for a case: what several commits accept comes on top of each other.
// nullptr: nobody accepts any. shown: the line that is to be shown with it.
struct Allowance {
  double share = 0;
  const Accepted* shown = nullptr;
};
Allowance allowance(const std::vector<Accepted>& accepted, const std::string& case_name, const std::string& metric);

}  // namespace vmbsave::gate
