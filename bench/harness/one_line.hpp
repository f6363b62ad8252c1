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

}  // namespace vmbsave::bench
