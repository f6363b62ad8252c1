// facts_text.hpp: what a run was made on and of, and how old it is, in the same words wherever that is shown.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace vmbsave::report {

// As it stands, without quotes; "not known" for null.
std::string known_text(const nlohmann::ordered_json& value);

// "AMD EPYC, 2 CPUs with a quota of 1.5, hypervisor KVM"; of the block `machine`.
std::string machine_text(const nlohmann::ordered_json& machine);

// "0123456", "0123456 with changes"; of the block `build`.
std::string commit_text(const nlohmann::ordered_json& build);

// "older than the engine here, which 3 commits have changed since"; "" if none has, or if that is not known.
std::string age_text(const std::optional<std::uint64_t>& engine_commits_since);

}  // namespace vmbsave::report
