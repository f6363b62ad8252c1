// transfer_report.hpp: what images take on their way, and its JSON and table.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace vmbsave::report {

struct TransferRow {
  std::string name;
  std::string error = {};  // why the row failed; it then has no samples
  unsigned threads = 1;
  std::uint64_t packets = 0;
  std::uint64_t image_bytes = 0;
  std::size_t repetitions = 0;
  std::vector<std::uint64_t> ns = {};
  std::vector<std::uint64_t> blackout_ns = {};  // empty: no save
  std::vector<std::uint64_t> save_ns = {};      // of the fused save with checksums beside each
  std::vector<double> ratio_to_copy = {};       // to the copy of the same bytes to the same place beside it
  std::vector<double> ratio_to_save = {};
  std::map<std::string, std::vector<std::uint64_t>> parts = {};
};

nlohmann::ordered_json transfers_json(const std::vector<TransferRow>& rows);

// Of transfers_json, a line each and one for its parts; empty without rows.
std::string transfers_table(const nlohmann::ordered_json& rows);

}  // namespace vmbsave::report
