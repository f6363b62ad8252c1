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

// A refusal says what to do; where `what` does not by itself, behind "; ", the help of `program` does. Of a file that
// can't be opened or written no help knows more.
inline std::string with_advice(const std::string& what, const std::string& program) {
  const auto says = [&](const char* words) { return what.find(words) != std::string::npos; };
  if (says("; ")) return what;
  if (says("File too large") || says("No space left")) return what + "; make room, or lift the limit";
  if (says("cannot write ")) {
    return what + (says("regular file") || says("a link to nothing") ? "; give another file"
                                                                     : "; its folder must exist and be writable");
  }
  const bool is_trace = says("cannot read trace ");  // mostly what is in it: the help has the formats
  if (says("cannot open") || says("no such file") || says("No such file") || says("Permission denied") ||
      says("Not a directory") || (says("cannot read ") && !is_trace)) {
    return what + "; check the path";
  }
  return what + "; see " + program + " --help";
}

}  // namespace vmbsave::bench
