// The bar: a run that holds, and one for each line that does not.
#include "report/bar.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "report/bench_report.hpp"
#include "report/build_info.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kRepetitions = 21;
constexpr std::size_t kSaves = 4 * kRepetitions;
constexpr std::uint64_t kNsAPacket = 10;

BenchRow row(const std::string& implementation, const bench::Point& point, unsigned threads, bool checksum = false) {
  BenchRow row;
  row.name = "save/" + implementation + "/" + bench::point_name(point) + "/threads:" + std::to_string(threads);
  if (checksum) row.name += "/checksum";
  row.implementation = implementation.substr(0, implementation.find('/'));
  row.point = point;
  row.point_name = bench::point_name(point);
  row.threads = threads;
  row.checksum = checksum;
  row.verified = true;
  row.samples.repetitions = kRepetitions;
  row.samples.image_bytes = 20u << 20;
  row.samples.memory_used = row.samples.image_bytes;
  row.samples.memory_mapped = row.samples.image_bytes;
  row.samples.save_ns.assign(kSaves, kNsAPacket * point.packets);
  row.samples.page_faults.assign(kSaves, 0);
  row.samples.allocator_calls.assign(100, 0);
  row.samples.phase_ns[static_cast<unsigned>(SavePhase::kCut)].assign(kSaves, kNsAPacket * point.packets / 50);
  row.samples.ratio_to_floor.assign(kSaves, 1.2);
  row.samples.times_faster_than_documented_sequential.assign(kSaves, 12);
  return row;
}

constexpr std::uint32_t kSteps[] = {1024, 2048, 4096, 8192, 131'072, 262'144, 524'288, 1'048'576};
constexpr bench::Point kSmall{.channels = 1, .packets = 64};

// Every row that the bar asks for.
std::vector<BenchRow> good_rows() {
  std::vector<BenchRow> rows;
  for (const unsigned threads : {1u, 2u}) {
    for (const bool checksum : {false, true}) rows.push_back(row("engine/fused", {}, threads, checksum));
  }
  for (const unsigned threads : {1u, 2u}) {
    rows.push_back(row("contract_floor", {}, threads));
    rows.back().samples.ratio_to_floor.assign(kSaves, 0.8);
  }
  rows.push_back(row("engine", kSmall, 2));
  rows.push_back(row("mutex_list", {}, 1));
  rows.back().samples.ratio_to_engine.assign(kSaves, 2);
  for (const std::uint32_t packets : kSteps) rows.push_back(row("engine/fused", {.packets = packets}, 1));
  for (const std::uint32_t packets : {8192u, 131'072u}) rows.push_back(row("copy_floor", {.packets = packets}, 1));
  return rows;
}

OperationRow operation(double ns) {
  return {.name = "operations/acquire_and_complete/threads:1", .operations = 10, .ns = std::vector<double>(101, ns)};
}

std::vector<TransferRow> restores(double ratio) {
  std::vector<TransferRow> rows;
  for (const char* const journey : {"restore", "restore_prepared"}) {
    for (const unsigned threads : {1u, 2u}) {
      rows.push_back({.name = "image/" + std::string(journey) + "/" + bench::point_name({}) +
                              "/threads:" + std::to_string(threads),
                      .threads = threads,
                      .packets = 65'536,
                      .ns = std::vector<std::uint64_t>(kSaves, 1'000'000),
                      .save_ns = std::vector<std::uint64_t>(kSaves, 500'000),
                      .ratio_to_save = std::vector<double>(kSaves, ratio)});
    }
  }
  return rows;
}

std::vector<BarLine> judge(const std::vector<BenchRow>& rows, double operation_ns = 20, double restore_ratio = 2) {
  Json context;
  add_context(context);
  return bar_lines(bench_json("bar", "2026-01-01T00:00:00Z", context, rows, {}, {operation(operation_ns)}, {},
                              restores(restore_ratio)));
}

std::vector<std::string> failing(const std::vector<BarLine>& lines) {
  std::vector<std::string> names;
  for (const BarLine& line : lines) {
    if (!line.holds()) names.push_back(line.name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(Bar, ARunThatHolds) {
  const std::vector<BarLine> lines = judge(good_rows());
  EXPECT_EQ(failing(lines), Names());
  EXPECT_EQ(lines.size(), 34u);
  const std::string table = bar_table(lines);
  EXPECT_NE(table.find("28 of 28 lines hold"), std::string::npos) << table;
  EXPECT_EQ(table.find("FAILS"), std::string::npos);
  EXPECT_EQ(table.find("NOT MEASURED"), std::string::npos);
}

struct Fault {
  const char* name;  // of the lines that then fail, their beginning
  std::function<void(std::vector<BenchRow>&)> make;
};

class BarFaults : public testing::TestWithParam<Fault> {};

TEST_P(BarFaults, FailsItsLineOnly) {
  std::vector<BenchRow> rows = good_rows();
  GetParam().make(rows);
  const Names names = failing(judge(rows));
  ASSERT_EQ(names.size(), 1u) << testing::PrintToString(names);
  EXPECT_EQ(names.front(), GetParam().name);
}

BenchRow& find(std::vector<BenchRow>& rows, const std::string& implementation, const bench::Point& point,
               unsigned threads, bool checksum = false) {
  const std::string name = row(implementation, point, threads, checksum).name;
  return *std::find_if(rows.begin(), rows.end(), [&](const BenchRow& r) { return r.name == name; });
}
RowSamples& fused(std::vector<BenchRow>& rows, unsigned threads, bool checksum = false) {
  return find(rows, "engine/fused", {}, threads, checksum).samples;
}
RowSamples& step(std::vector<BenchRow>& rows, std::uint32_t packets) {
  return find(rows, "engine/fused", {.packets = packets}, 1).samples;
}

TEST(Bar, ARowThatWasNotVerifiedIsNotThere) {
  std::vector<BenchRow> rows = good_rows();
  find(rows, "engine/fused", {}, 2).verified = false;
  const Names names = failing(judge(rows));
  EXPECT_NE(std::find(names.begin(), names.end(), "fused, 2 threads: times copy_floor"), names.end())
      << testing::PrintToString(names);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, BarFaults,
    testing::Values(
        Fault{"fused, 2 threads: times faster than documented_sequential",
              [](auto& rows) { fused(rows, 2).times_faster_than_documented_sequential.assign(kSaves, 9.9); }},
        Fault{"fused, 1 thread: times faster than documented_sequential",
              [](auto& rows) { fused(rows, 1).times_faster_than_documented_sequential.assign(kSaves, 4.9); }},
        Fault{"fused, 2 threads, checksum: times faster than documented_sequential",
              [](auto& rows) { fused(rows, 2, true).times_faster_than_documented_sequential.assign(kSaves, 7.9); }},
        Fault{"fused, 2 threads: times copy_floor",
              [](auto& rows) { fused(rows, 2).ratio_to_floor.assign(kSaves, 1.26); }},
        Fault{"fused, 1 thread: times copy_floor",
              [](auto& rows) { fused(rows, 1).ratio_to_floor.assign(kSaves, 1.36); }},
        Fault{"fused, 1 thread, checksum: times copy_floor",
              [](auto& rows) { fused(rows, 1, true).ratio_to_floor.assign(kSaves, 1.56); }},
        Fault{
            "fused, 2 threads: cut and freeze, of the save",
            [](auto& rows) { fused(rows, 2).phase_ns[static_cast<unsigned>(SavePhase::kCut)].assign(kSaves, 50'000); }},
        Fault{"mutex_list, 1 thread: times engine",
              [](auto& rows) { find(rows, "mutex_list", {}, 1).samples.ratio_to_engine.assign(kSaves, 0.99); }},
        Fault{"efficiency with 2 threads, of copy_floor's",
              [](auto& rows) { fused(rows, 1).ratio_to_floor.assign(kSaves, 1.0); }},
        Fault{"cost slope, 1024 to 8192 packets, 1 thread",
              [](auto& rows) { step(rows, 8192).save_ns.assign(kSaves, 8192 * kNsAPacket * 6 / 5); }},
        Fault{"cost slope, 131072 to 1048576 packets, 1 thread",
              [](auto& rows) { step(rows, 131'072).save_ns.assign(kSaves, 131'072 * kNsAPacket * 6 / 5); }},
        Fault{"fused, 1 thread: warm saves without page fault",
              [](auto& rows) { fused(rows, 1).page_faults.front() = 1; }},
        Fault{"fused, 2 threads: warm saves without allocator call",
              [](auto& rows) {
                fused(rows, 2).allocator_calls[0] = 1;
                fused(rows, 2).allocator_calls[1] = 1;
              }},
        Fault{"64 packets on one channel: times faster than documented_sequential",
              [](auto& rows) {
                find(rows, "engine", kSmall, 2).samples.times_faster_than_documented_sequential.assign(kSaves, 0.99);
              }},
        Fault{"fused, 1 thread: memory used, of the image", [](auto& rows) { fused(rows, 1).memory_used = 23u << 20; }},
        Fault{"fused, 2 threads: memory mapped, of image + 10 % + 2 MiB a worker",
              [](auto& rows) { fused(rows, 2).memory_mapped = 27u << 20; }}));

TEST(Bar, AnOperationThatTakesTooLong) {
  EXPECT_EQ(failing(judge(good_rows(), 31)), Names{"acquire plus complete, 1 thread: ns"});
}

TEST(Bar, RestoresThatTakeTooLong) {
  const Names names = failing(judge(good_rows(), 20, 3.01));
  ASSERT_EQ(names.size(), 4u) << testing::PrintToString(names);
  EXPECT_EQ(names.front(), "restore, 1 thread: times the fused save with checksum");
  EXPECT_EQ(names.back(), "restore_prepared, 2 threads: times the fused save with checksum");
}

// An interval that reaches over the line does not hold, though its middle does.
TEST(Bar, TheIntervalCounts) {
  std::vector<BenchRow> rows = good_rows();
  std::vector<double>& ratios = fused(rows, 1).ratio_to_floor;
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] = i % 2 == 0 ? 1.3 : 1.4;
  ratios.push_back(1.3);
  const Names names = failing(judge(rows));
  EXPECT_NE(std::find(names.begin(), names.end(), "fused, 1 thread: times copy_floor"), names.end());
}

TEST(Bar, WhatWasNotMeasuredDoesNotHold) {
  const std::vector<BarLine> lines = judge({});
  EXPECT_EQ(failing(lines).size(), 23u) << "all but the operation and the restores";
  EXPECT_NE(bar_table(lines).find("NOT MEASURED: no row save/engine/fused/"), std::string::npos);
  std::vector<BenchRow> rows = good_rows();
  find(rows, "engine", kSmall, 2).error = "not enough memory";
  EXPECT_EQ(failing(judge(rows)), Names{"64 packets on one channel: times faster than documented_sequential"});
}

// What the contract costs is said, and asked of nobody.
TEST(Bar, TheContractsShareIsShown) {
  const std::vector<BarLine> lines = judge(good_rows());
  const auto value = [&](const std::string& name) {
    const auto line = std::find_if(lines.begin(), lines.end(), [&](const BarLine& l) { return l.name == name; });
    EXPECT_TRUE(line != lines.end() && line->is_shown_only) << name;
    return line == lines.end() ? 0 : line->value.p50.value_or(0);
  };
  EXPECT_DOUBLE_EQ(value("contract_floor, 2 threads: times copy_floor"), 0.8);
  EXPECT_DOUBLE_EQ(value("fused, 2 threads: times contract_floor"), 1.2 / 0.8);
  EXPECT_DOUBLE_EQ(value("contract_floor, 1 thread: times copy_floor"), 0.8);
}

// The slope is a repetition's own: what changes the whole repetition changes no slope.
TEST(Bar, SlopesArePairedByRepetition) {
  std::vector<BenchRow> rows = good_rows();
  for (const std::uint32_t packets : kSteps) {
    std::vector<std::uint64_t>& ns = step(rows, packets).save_ns;
    for (std::size_t i = 0; i < ns.size(); ++i) ns[i] *= 1 + i / (kSaves / kRepetitions);
  }
  EXPECT_EQ(failing(judge(rows)), Names());
}

}  // namespace
}  // namespace vmbsave::report
