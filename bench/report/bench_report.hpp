// bench_report.hpp: what vmbsave-bench measured, row by row, and its JSON.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/operation_report.hpp"
#include "report/roofline_report.hpp"
#include "report/transfer_report.hpp"
#include "scenarios/save_latency/point.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave::report {

// Of all saves of a row, one value a save where nothing else is said.
struct RowSamples {
  std::uint64_t first_save_ns = 0;  // maps what was not mapped yet; no sample
  std::uint64_t image_bytes = 0;
  std::optional<std::uint64_t> memory_used;    // by the last save's image in the engine's memory; absent without engine
  std::optional<std::uint64_t> memory_mapped;  // likewise, that the engine keeps
  std::optional<std::uint64_t> huge_page_bytes;  // of the mappings that the last image lies in
  std::uint64_t repetitions = 1;                 // of the row, with as many saves each
  std::optional<SavePlan> plan;                  // that was taken; absent for what has no plans
  std::optional<unsigned> threads_taken;         // 1 below the crossover; absent likewise
  std::vector<std::uint64_t> save_ns;
  std::vector<std::uint64_t> page_faults;
  std::vector<std::uint64_t> allocator_calls;  // of saves that were not timed; empty where nothing counts them
  std::vector<std::uint64_t> hiccup_ns;        // the largest gap of each window
  std::vector<double> ratio_to_floor;          // to the copy beside it
  std::vector<double> ratio_to_engine;         // of a peer, to the fused save beside it
  std::vector<double> times_faster_than_documented_sequential;   // than the one beside it
  std::array<std::vector<std::uint64_t>, kSavePhases> phase_ns;  // empty for what has no phases
};

struct BenchRow {
  std::string name;
  std::string implementation;
  std::string face;                  // "c++", "c"; empty for what does not use the engine
  std::string floor = "copy_floor";  // that ratio_to_floor is to
  std::string executor;
  unsigned threads = 1;
  bench::Point point;
  std::string point_name;
  bool checksum = false;
  bool cold = false;
  bool first_touch = false;  // of its memory, in each save
  bool small_pages = false;
  bool verified = false;  // every image that was looked at held the reference packets
  std::string error;      // why the row failed; its samples are then empty
  RowSamples samples;
};

// A row of the suite that is not run.
struct LeftOutRow {
  std::string name;
  std::string reason;  // in one line
};

// `context`: what add_context adds.
nlohmann::ordered_json bench_json(const std::string& suite, const std::string& started_utc,
                                  const nlohmann::ordered_json& context, const std::vector<BenchRow>& rows,
                                  const std::vector<RooflineRow>& roofline = {},
                                  const std::vector<OperationRow>& operations = {},
                                  const std::vector<LeftOutRow>& left_out = {},
                                  const std::vector<TransferRow>& transfers = {});

}  // namespace vmbsave::report
