// outputs.hpp: what is said of a VSP that was examined.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "check/checked.hpp"

namespace vmbsave::check {

// The verdict first, then each finding with its place, cause and fix. profile: also what packets cost.
std::string check_text(const Checked& checked, bool profile);

// vmbsave-check-1: check.schema.json.
nlohmann::ordered_json check_json(const Checked& checked, bool profile);

// JUnit's XML: a test case a check.
std::string check_junit(const Checked& checked);

// "SavePacket, second call, attempt 2, channel 0, transaction 17, byte 40 and 3 more"
std::string place_text(const verify::Place& where);

// "libmyvsp.so: 2 findings in 256 packets and 4711 calls"
std::string verdict_text(const Checked& checked);

}  // namespace vmbsave::check
