// one_line.hpp: text with names of others in it, for a terminal.
#pragma once

#include <algorithm>
#include <string>

namespace vmbsave::bench {

// Names of files, of archive members and on the command line may hold any byte: a control character is neither to break
// a line nor to steer the terminal.
inline std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

// A refusal says what to do; where `what` does not by itself, behind "; ", the help of `program` does.
inline std::string with_advice(const std::string& what, const std::string& program) {
  return what.find("; ") == std::string::npos ? what + "; see " + program + " --help" : what;
}

}  // namespace vmbsave::bench
