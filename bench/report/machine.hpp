// machine.hpp: the machine that numbers were measured on, as far as it shows itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace vmbsave::report {

// The block "machine" of a result; see context.schema.json. What the files under root/proc and root/sys do not say is
// null.
nlohmann::ordered_json machine_json(const std::filesystem::path& root = "/");

// Memory that can be had without pushing anything else out, in bytes.
std::optional<std::uint64_t> available_memory(const std::filesystem::path& root = "/");

}  // namespace vmbsave::report
