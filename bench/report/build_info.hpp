// build_info.hpp: how this program was built, and which libraries and which allocator it runs with.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace vmbsave::report {

// The block "build" of a result.
nlohmann::ordered_json build_json();

// The block "libraries": null for those that this program does not run with.
nlohmann::ordered_json libraries_json();

// Whose malloc serves this process, found out by asking for memory: "glibc", "mimalloc 2.0.9", or the file that malloc
// comes from.
std::string allocator_name();

// Adds "machine", "build", "libraries", "allocator" and "doctor". google_benchmark: as ProcessFacts has it.
void add_context(nlohmann::ordered_json& result, const std::string& google_benchmark = "");

}  // namespace vmbsave::report
