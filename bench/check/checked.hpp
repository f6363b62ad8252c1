// checked.hpp: what came of the examination of a VSP, however it ended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vmbsave/verify.hpp"

namespace vmbsave::check {

struct Checked {
  std::string given;                      // on the command line
  std::string name;                       // the VSP's own; empty: it did not come so far
  verify::Options options;                // without its pointers
  std::vector<verify::Check> only;        // checks that count; empty: all
  bool is_finished = false;               // else the VSP crashed, or did not come back:
  std::optional<verify::Check> ended_by;  // this is what it did
  verify::Report report;                  // of what is not finished: the findings so far, and the one that ended it

  bool counts(verify::Check check) const noexcept;
};

// Drops the findings that do not count; but not what ended it, as nothing is known of what would have followed.
void keep_what_counts(Checked& checked);

// "V03,V12". Throws std::runtime_error, in one line, for what is no such list.
std::vector<verify::Check> parse_checks(const std::string& option, const std::string& text);

}  // namespace vmbsave::check
