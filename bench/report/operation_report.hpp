// operation_report.hpp: what single operations of the engine take, and its JSON and table.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace vmbsave::report {

struct OperationRow {
  std::string name;
  std::uint64_t operations = 0;  // a sample
  std::string error = {};        // why the row failed; it then has no samples
  std::vector<double> ns = {};   // an operation's, one a sample
};

nlohmann::ordered_json operations_json(const std::vector<OperationRow>& rows);

// Of operations_json, a line each; empty without rows.
std::string operations_table(const nlohmann::ordered_json& rows);

}  // namespace vmbsave::report
