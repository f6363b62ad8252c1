// html.hpp: pieces of HTML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vmbsave::page {

// Whatever bytes `text` has: escaped, and what is no UTF-8 or no character of a text replaced.
std::string escaped(std::string_view text);

struct Table {
  std::string caption;
  std::vector<std::string> columns;  // the first is of what names a row
  std::vector<std::vector<std::string>> rows;
  bool is_prose = false;  // its cells are words, not numbers
};

std::string html_of(const Table& table);

// <code> of a command, whose words a narrow screen shows whole.
std::string code(std::string_view command);

// <p>, with its text escaped.
std::string paragraph(std::string_view text, std::string_view css_class = "");

}  // namespace vmbsave::page
