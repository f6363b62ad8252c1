// suite_flags.hpp: flags that one suite has, and no other.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <span>
#include <string>

namespace vmbsave::bench {

// Empty, or that a flag of `owner` was given with another suite: a flag without effect is a mistake.
inline std::string flags_fault(const CLI::App& app, const std::string& suite, const char* owner,
                               std::span<const char* const> flags) {
  for (const char* const flag : flags) {
    if (suite != owner && app.count(flag) != 0) return fmt::format("{} is of --suite={} alone", flag, owner);
  }
  return {};
}

}  // namespace vmbsave::bench
