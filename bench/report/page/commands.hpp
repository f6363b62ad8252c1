// commands.hpp: the command that makes a result again, as the result tells of it.
#pragma once

#include <string>

#include "report/run_results.hpp"

namespace vmbsave::page {

// "vmbsave bench --suite=full --out=bench.json". What a result does not tell, such as when a replay saved, is missing.
std::string command_of(const report::NamedResult& result);

}  // namespace vmbsave::page
