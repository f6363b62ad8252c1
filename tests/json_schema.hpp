// json_schema.hpp: holds JSON to a committed schema. As much of JSON Schema as those use, and stricter in one point: a
// property that the schema does not name is a failure.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace vmbsave::tests {

class Schema {
 public:
  // `pointer`: the part of the file that values are held to; by default all of it.
  explicit Schema(const std::filesystem::path& file, const std::string& pointer = "")
      : folder_(file.parent_path()), root_(read(file)), pointer_(pointer) {}

  void expect_matches(const nlohmann::json& value) const { check(root_, root_.at(pointer_), value, ""); }

 private:
  using Json = nlohmann::json;

  static Json read(const std::filesystem::path& file) {
    std::ifstream in(file);
    return Json::parse(in);
  }

  // "FILE#/POINTER"; without FILE: this one.
  void check_reference(const Json& root, const std::string& reference, const Json& value,
                       const std::string& where) const {
    const std::size_t hash = reference.find('#');
    const Json other = hash == 0 ? root : read(folder_ / reference.substr(0, hash));
    check(other, other.at(Json::json_pointer(reference.substr(hash + 1))), value, where);
  }

  static bool is(const Json& type, const Json& value) {
    if (type == "integer") return value.is_number_integer();
    return type == std::string(value.type_name());
  }

  static void check_value(const Json& schema, const Json& value, const std::string& where) {
    if (schema.contains("const")) {
      EXPECT_EQ(value, schema.at("const")) << where;
    }
    if (schema.contains("enum")) {
      const Json& known = schema.at("enum");
      EXPECT_NE(std::find(known.begin(), known.end(), value), known.end()) << where << ": " << value;
    }
    if (!schema.contains("type")) return;
    const Json& type = schema.at("type");
    EXPECT_TRUE(type.is_array() ? std::any_of(type.begin(), type.end(), [&](const Json& t) { return is(t, value); })
                                : is(type, value))
        << where << ": " << value;
  }

  void check(const Json& root, const Json& schema, const Json& value, const std::string& where) const {
    if (schema.contains("$ref")) check_reference(root, schema.at("$ref"), value, where);
    check_value(schema, value, where);
    if (schema.contains("anyOf") && !value.is_null()) check(root, schema.at("anyOf").back(), value, where);  // or null
    if (schema.contains("items")) {
      for (const Json& item : value) check(root, schema.at("items"), item, where + "[].");
    }
    for (const Json& key : schema.value("required", Json::array())) EXPECT_TRUE(value.contains(key)) << where << key;
    if (value.is_object() && (schema.contains("properties") || schema.contains("additionalProperties"))) {
      check_members(root, schema, value, where);
    }
  }

  void check_members(const Json& root, const Json& schema, const Json& value, const std::string& where) const {
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [key, member] : value.items()) {
      if (properties.contains(key)) {
        check(root, properties.at(key), member, where + key + ".");
      } else if (schema.contains("additionalProperties")) {
        check(root, schema.at("additionalProperties"), member, where + key + ".");
      } else {
        ADD_FAILURE() << "not in the schema: " << where << key;
      }
    }
  }

  const std::filesystem::path folder_;
  const Json root_;
  const Json::json_pointer pointer_;
};

}  // namespace vmbsave::tests
