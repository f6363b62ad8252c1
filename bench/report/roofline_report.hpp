// roofline_report.hpp: how fast the machine copied memory in the same run, and its JSON and table.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace vmbsave::report {

struct RooflineRow {
  std::string name;
  std::uint64_t bytes = 0;  // copied: as many are read, and as many written
  unsigned threads = 1;
  bool streaming = false;  // by stores that go past the caches
  std::string error;       // why the row failed; it then has no samples
  std::vector<std::uint64_t> copy_ns;
};

nlohmann::ordered_json roofline_json(const std::vector<RooflineRow>& rows);

// Of roofline_json, a line a size; empty without rows.
std::string roofline_table(const nlohmann::ordered_json& rows);

}  // namespace vmbsave::report
