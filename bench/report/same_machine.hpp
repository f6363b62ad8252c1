// same_machine.hpp: whether two results are of one machine.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace vmbsave::report {

// Of two blocks "machine", the first property by which they are of different machines; empty: none. A new kernel makes
// no other machine; another hypervisor or cache does, as many processors hide their model. Hosts of one
// model are not told apart: their memory differs by as much as another kernel makes it differ.
std::string machine_difference(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace vmbsave::report
