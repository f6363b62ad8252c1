// Each kind of result that a run may hold, compared: recorded ones, of which one block of times is made half as long
// again.
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "report/compare.hpp"
#include "report/json_file.hpp"
#include "unit/compared_row.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

struct Changed {
  const char* file;
  const char* times;  // a JSON pointer
  const char* row;    // the one that is slower then
};

// How GoogleTest names it.
void PrintTo(const Changed& changed, std::ostream* out) { *out << changed.row; }

Json recorded(const std::string& file) {
  return read_json(VMBSAVE_RESULTS "/20261130T142145Z-amd-epyc-2cpu-b094c77/" + file + ".json.xz");
}

// Half as long again, where they are times.
void make_longer(Json& times) {
  for (auto& [key, value] : times.items()) {
    if (value.is_number_unsigned()) {
      value = value.get<std::uint64_t>() * 3 / 2;
    } else if (value.is_number()) {
      value = value.get<double>() * 1.5;
    }
  }
}

// With the run's plain copies, by which times are judged.
RunResults run(const std::string& name, const std::string& file, const Json& result) {
  RunResults results{name, {{name + "/" + file + ".json", result}}};
  if (file != "bench") results.results.push_back({name + "/bench.json", recorded("bench")});
  return results;
}

using CompareKinds = testing::TestWithParam<Changed>;

TEST_P(CompareKinds, WhatIsSlowerIsSaidToBeAndNothingElse) {
  const auto& [file, times, slower] = GetParam();
  const Json before = recorded(file);
  Json after = before;
  make_longer(after.at(Json::json_pointer(times)));
  const Comparison comparison = compare_runs(run("A", file, before), run("B", file, after));
  EXPECT_EQ(row_named(comparison, slower).difference, Difference::kSlower);
  for (const ComparedRow& row : comparison.rows) {
    if (row.a.name == slower) continue;
    EXPECT_NE(row.difference, Difference::kSlower) << row.a.name;
    EXPECT_NE(row.difference, Difference::kFaster) << row.a.name;
  }
}

TEST_P(CompareKinds, WhatFailedIsNotCompared) {
  const auto& [file, times, slower] = GetParam();
  const Json before = recorded(file);
  Json after = before;
  Json::json_pointer block(times);
  while (after.at(block).find("name") == after.at(block).end()) block = block.parent_pointer();  // its row
  after[block]["error"] = "it broke";
  const Comparison comparison = compare_runs(run("A", file, before), run("B", file, after));
  bool is_named = false;
  for (const auto& [name, why] : comparison.not_compared) {
    is_named = is_named || (name == slower && why.find("it broke") != std::string::npos);
  }
  EXPECT_TRUE(is_named);
}

INSTANTIATE_TEST_SUITE_P(
    All, CompareKinds,
    testing::Values(Changed{"load", "/rows/0/blackout_ns", "load/pinned/open/engine"},
                    Changed{"live", "/rows/0/saves/blackout_ns", "live/channels:4/depth:64: blackout"},
                    Changed{"live", "/rows/0/during_to_before/p50", "live/channels:4/depth:64: requests while saving"},
                    Changed{"host", "/rows/0/warm/blackout_ns", "host/vms:2/at_once/threads:1: blackout"},
                    Changed{"host", "/rows/0/warm/total_ns", "host/vms:2/at_once/threads:1: all of a round"},
                    Changed{"bench", "/transfers/0/ratio_to_copy",
                            "image/save_to_file/channels:16/packets:65536/state:32-272/threads:1"}));

}  // namespace
}  // namespace vmbsave::report
