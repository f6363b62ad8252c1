#include "report/marked_part.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <string_view>

namespace vmbsave::report {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

// Where the one `line` is.
std::size_t place_of(std::string_view text, std::string_view line) {
  const std::size_t at = text.find(line);
  return at == text.rfind(line) ? at : kNowhere;
}

}  // namespace

std::string with_marked_part(const std::filesystem::path& file, const std::string& text, const std::string& name,
                             const std::string& part) {
  const std::string begin_line = fmt::format("\n<!-- {} -->\n", name);
  const std::size_t begin = place_of(text, begin_line);
  const std::size_t end = place_of(text, fmt::format("\n<!-- end of {} -->\n", name));
  // The two lines may share the line feed between them.
  if (begin == kNowhere || end == kNowhere || end < begin + begin_line.size() - 1) {
    throw std::runtime_error(
        fmt::format("{}: expected the lines '<!-- {} -->' and '<!-- end of {} -->', once each and "
                    "in this order",
                    file.string(), name, name));
  }
  return text.substr(0, begin + begin_line.size()) + part + text.substr(end + 1);
}

}  // namespace vmbsave::report
