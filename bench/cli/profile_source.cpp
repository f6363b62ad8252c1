#include "cli/profile_source.hpp"

#include "report/json_file.hpp"

namespace vmbsave::cli {

bool is_profile_file(const std::string& name) { return name.find('/') != std::string::npos || name.ends_with(".json"); }

trace::Profile read_profile(const std::string& name) {
  return is_profile_file(name) ? trace::parse_profile(report::read_text(name), name) : trace::built_in_profile(name);
}

}  // namespace vmbsave::cli
