#include "harness/option_checks.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string>

namespace vmbsave::cli {

CLI::Validator given() {
  return CLI::Validator([](const std::string& text) { return text.empty() ? "expected a value" : ""; }, "");
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
  return CLI::Validator(check, fmt::format("in [{} - {}]", least, most), "");
}

}  // namespace vmbsave::cli
