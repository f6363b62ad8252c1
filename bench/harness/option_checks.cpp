#include "harness/option_checks.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "trace/mac_address.hpp"

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

CLI::Validator mac_address() {
  const auto check = [](const std::string& text) -> std::string {
    if (trace::parse_mac(text)) return "";
    return fmt::format("expected a MAC address such as 00:15:5d:01:02:03, found '{}'", text);
  };
  return CLI::Validator(check, "");
}

}  // namespace vmbsave::cli
