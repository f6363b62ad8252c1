#include <stdexcept>

#include "trace/built_in_profiles.hpp"
#include "trace/profile.hpp"

namespace vmbsave::trace {

Profile built_in_profile(const std::string& name) {
  for (const BuiltInProfile& profile : built_in_profiles()) {
    if (name == profile.name) return parse_profile(profile.json, "profile " + name);
  }
  throw std::runtime_error("no profile '" + name + "'; there are: " + profile_names() + "; or give a file, NAME.json");
}

std::string profile_names() {
  std::string names;
  for (const BuiltInProfile& profile : built_in_profiles()) {
    names += (names.empty() ? "" : ", ") + std::string(profile.name);
  }
  return names;
}

}  // namespace vmbsave::trace
