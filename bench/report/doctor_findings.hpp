// doctor_findings.hpp: what the doctor looks at, part by part.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "report/doctor.hpp"

namespace vmbsave::report {

// machine: of machine_json, with the same root.
std::vector<Finding> processor_findings(const nlohmann::ordered_json& machine, const ProcessFacts& process,
                                        const std::filesystem::path& root);

// What others do on this machine.
std::vector<Finding> load_findings(const nlohmann::ordered_json& machine, const std::filesystem::path& root);

std::vector<Finding> memory_findings(const nlohmann::ordered_json& machine, const ProcessFacts& process,
                                     const std::filesystem::path& root);

std::vector<Finding> build_findings(const ProcessFacts& process);

}  // namespace vmbsave::report
