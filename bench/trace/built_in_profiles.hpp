// built_in_profiles.hpp: the files under profiles/ as parts of the program, so that it needs none when it runs.
#pragma once

#include <span>
#include <string_view>

namespace vmbsave::trace {

struct BuiltInProfile {
  std::string_view name;
  std::string_view json;
};

// Defined by the build, in the order of CMakeLists.txt.
std::span<const BuiltInProfile> built_in_profiles() noexcept;

}  // namespace vmbsave::trace
