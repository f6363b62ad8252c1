#include "trace/json_field.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace vmbsave::trace {
namespace {

constexpr std::size_t kLongestText = 1000;

// Enough of a value to find it by.
std::string shown(const nlohmann::json& value) {
  constexpr std::size_t kShown = 40;
  if (value.is_array()) return fmt::format("an array of {}", value.size());
  if (value.is_object()) return "an object";
  if (value.is_string() && value.get_ref<const std::string&>().size() > kShown) {
    return fmt::format("text of {} bytes", value.get_ref<const std::string&>().size());
  }
  return value.dump(-1, ' ', true);  // in ASCII
}

}  // namespace

void JsonField::fail(const std::string& expected) const {
  throw std::runtime_error(fmt::format("{}: {}{}expected {}, found {}", *file_, place_, place_.empty() ? "" : ": ",
                                       expected, shown(*value_)));
}

JsonField JsonField::at(const char* key) const {
  if (!value_->is_object()) fail("an object");
  const auto member = value_->find(key);
  if (member == value_->end()) fail(fmt::format("an object with '{}'", key));
  return {*member, *file_, place_ + (place_.empty() ? "" : ".") + key};
}

std::vector<JsonField> JsonField::elements(std::size_t least, std::size_t most) const {
  if (!value_->is_array() || value_->size() < least || value_->size() > most) {
    fail(fmt::format("an array of {} to {}", least, most));
  }
  std::vector<JsonField> fields;
  fields.reserve(value_->size());
  for (const nlohmann::json& element : *value_) {
    fields.push_back({element, *file_, fmt::format("{}[{}]", place_, fields.size())});
  }
  return fields;
}

std::uint64_t JsonField::number(std::uint64_t least, std::uint64_t most) const {
  if (value_->is_number_unsigned()) {
    const auto number = value_->get<std::uint64_t>();
    if (number >= least && number <= most) return number;
  }
  fail(fmt::format("a whole number from {} to {}", least, most));
}

double JsonField::fraction(double least, double most) const {
  if (value_->is_number()) {
    const auto number = value_->get<double>();
    if (number >= least && number <= most) return number;
  }
  fail(fmt::format("a number from {} to {}", least, most));
}

std::string JsonField::text() const {
  if (value_->is_string()) {
    const auto& text = value_->get_ref<const std::string&>();
    if (!text.empty() && text.size() <= kLongestText) return text;
  }
  fail(fmt::format("text of 1 to {} bytes", kLongestText));
}

}  // namespace vmbsave::trace
