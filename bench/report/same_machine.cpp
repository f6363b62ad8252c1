#include "report/same_machine.hpp"

#include <nlohmann/json.hpp>

namespace vmbsave::report {

std::string machine_difference(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b) {
  for (const char* const key : {"cpu", "cpus_allowed", "hypervisor"}) {
    if (a.at(key) != b.at(key)) return key;
  }
  for (const char* const key : {"cpu_quota", "l2_bytes", "l3_bytes"}) {
    if (a.contains(key) && b.contains(key) && a.at(key) != b.at(key)) return key;
  }
  return "";
}

}  // namespace vmbsave::report
