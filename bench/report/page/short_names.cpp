#include "report/page/short_names.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace vmbsave::page {
namespace {

std::vector<std::string> split_name(const std::string& name) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    parts.push_back(name.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool has(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

std::string without(const std::string& name, const std::vector<std::string>& left_out) {
  std::vector<std::string> parts = split_name(name);
  std::erase_if(parts, [&](const std::string& part) { return has(left_out, part); });
  return fmt::format("{}", fmt::join(parts, "/"));
}

}  // namespace

ShortNames::ShortNames(const std::vector<std::string>& names) {
  std::map<std::string, std::size_t> counts;
  std::vector<std::string> properties;  // in the order of the names
  for (const std::string& name : names) {
    for (const std::string& part : split_name(name)) {
      if (part.find(':') != std::string::npos && ++counts[part] == 1) properties.push_back(part);
    }
  }
  for (const std::string& property : properties) {
    if (names.size() > 1 && 2 * counts[property] > names.size()) left_out_.push_back(property);
  }
  std::map<std::string, std::size_t> shorts;
  for (const std::string& name : names) {
    if (++shorts[without(name, left_out_)] == 2) twice_.push_back(without(name, left_out_));
  }
}

std::string ShortNames::of(const std::string& name) const {
  std::string text = without(name, left_out_);
  return text.empty() || has(twice_, text) ? name : text;
}

std::string own_parts(const std::string& name, const std::string& other) { return without(name, split_name(other)); }

}  // namespace vmbsave::page
