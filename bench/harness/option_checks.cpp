#include "harness/option_checks.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <string>

namespace vmbsave::cli {

CLI::Validator given() {
  return CLI::Validator([](const std::string& text) { return text.empty() ? "expected a value" : ""; }, "");
}

CLI::Validator existing_folder() {
  const auto check = [](const std::string& name) {
    std::error_code none;
    const bool is_folder = std::filesystem::is_directory(name, none);
    return is_folder ? std::string() : fmt::format("expected a folder that is there, found '{}'", name);
  };
  return CLI::Validator(check, "");
}

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  const auto check = [least, most](std::string& text) -> std::string {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || rest != end || value < least || value > most) {
      return fmt::format("expected a whole number from {} to {}, found '{}'", least, most, text);
    }
    text = std::to_string(value);
    return "";
  };
  return CLI::Validator(check, fmt::format("{} to {}", least, most), "");
}

}  // namespace vmbsave::cli
