// xml_text.hpp: text within XML.
#pragma once

#include <string>
#include <string_view>

namespace vmbsave::bench {

// As it may stand between tags, and in an attribute's value.
inline std::string xml_text(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

}  // namespace vmbsave::bench
