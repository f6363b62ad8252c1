#include "report/page/html.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/xml_text.hpp"

namespace vmbsave::page {
namespace {

// How many bytes the character at the beginning has; 0: it is none of UTF-8.
std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : 4;
  if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || bytes > text.size()) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return bytes;
}

bool is_control(unsigned char c) { return (c < ' ' && c != '\n' && c != '\t') || c == 0x7f; }

std::string cell(const char* tag, const std::string& attributes, std::string_view text) {
  return fmt::format("<{0}{1}>{2}</{0}>", tag, attributes, escaped(text));
}

}  // namespace

std::string escaped(std::string_view text) {
  constexpr std::string_view kReplacement = "\uFFFD";
  std::string clean;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    clean += bytes == 0 || is_control(static_cast<unsigned char>(text[0])) ? kReplacement : text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return bench::xml_text(clean);
}

std::string html_of(const Table& table) {
  std::string text =
      fmt::format("<div class=\"scroll\" tabindex=\"0\"><table{}>", table.is_prose ? " class=\"prose\"" : "");
  if (!table.caption.empty()) text += cell("caption", "", table.caption);
  text += "<thead><tr>";
  for (const std::string& column : table.columns) text += cell("th", " scope=\"col\"", column);
  text += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    text += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i == 0 ? cell("th", " scope=\"row\"", row[i]) : cell("td", "", row[i]);
    }
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

std::string code(std::string_view command) {
  std::string html = "<code>";
  while (!command.empty()) {
    const std::size_t end = std::min(command.find(' '), command.size());
    html += fmt::format("<span>{}</span>", escaped(command.substr(0, end)));
    command.remove_prefix(end);
    const std::size_t next = std::min(command.find_first_not_of(' '), command.size());
    html += command.substr(0, next);
    command.remove_prefix(next);
  }
  return html + "</code>";
}

std::string paragraph(std::string_view text, std::string_view css_class) {
  return fmt::format("<p{}>{}</p>\n", css_class.empty() ? "" : fmt::format(" class=\"{}\"", css_class), escaped(text));
}

}  // namespace vmbsave::page
