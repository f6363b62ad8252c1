// json_field.hpp: a value of somebody's JSON and where it lies, for errors that say both.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vmbsave::trace {

// The JSON and `file` must outlive the field.
class JsonField {
 public:
  JsonField(const nlohmann::json& value, const std::string& file) : value_(&value), file_(&file) {}

  // Of an object.
  JsonField at(const char* key) const;
  // Of an array of so many elements.
  std::vector<JsonField> elements(std::size_t least, std::size_t most) const;

  std::uint64_t number(std::uint64_t least, std::uint64_t most) const;
  double fraction(double least, double most) const;
  std::string text() const;  // not empty

  // Throws std::runtime_error: "FILE: PLACE: expected WHAT, found VALUE".
  [[noreturn]] void fail(const std::string& expected) const;

 private:
  JsonField(const nlohmann::json& value, const std::string& file, std::string place)
      : value_(&value), file_(&file), place_(std::move(place)) {}

  const nlohmann::json* value_;
  const std::string* file_;
  std::string place_;  // "sizes.of_trace[3].bytes"
};

}  // namespace vmbsave::trace
