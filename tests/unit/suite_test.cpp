// The rows of the suites, what is kept of their calls, and the exit code of a run.
#include <benchmark/benchmark.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "latency/roofline_suite.hpp"
#include "latency/row_log.hpp"
#include "latency/run_suite.hpp"
#include "latency/suites.hpp"
#include "latency/transfer_suite.hpp"
#include "scenarios/roofline/copy.hpp"
#include "unit/fake_implementation.hpp"

namespace vmbsave::bench {
namespace {

constexpr std::uint64_t kMuch = std::uint64_t{64} << 30;

std::vector<std::string> names(const std::string& suite, unsigned cpus, std::uint64_t memory = kMuch) {
  std::vector<std::string> result;
  for (const RowSpec& row : suite_rows(suite, cpus, memory)) result.push_back(row_name(row));
  return result;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(Suites, NameEachRowOnce) {
  for (const std::string& suite : suite_names()) {
    for (const unsigned cpus : {1u, 2u, 6u, 64u}) {
      const auto rows = names(suite, cpus);
      EXPECT_EQ(rows.empty(), suite == "image");
      EXPECT_EQ(transfer_specs(suite, cpus).empty(), suite == "quick" || suite == "long");
      EXPECT_EQ(std::set<std::string>(rows.begin(), rows.end()).size(), rows.size()) << suite << " " << cpus;
    }
  }
  EXPECT_THROW((void)suite_rows("none", 2, kMuch), std::invalid_argument);
}

TEST(Suites, QuickIsTheMiddlePointInEveryWay) {
  const auto rows = names("quick", 8);
  const std::string point = "/channels:16/packets:65536/state:32-272";
  EXPECT_EQ(rows.size(), 32u);
  for (const char* const row : {"save/documented_sequential@/threads:1",
                                "save/copy_floor@/threads:1",
                                "save/copy_floor@/threads:2",
                                "save/contract_floor@/threads:1",
                                "save/contract_floor@/threads:2",
                                "save/engine/exact@/threads:1",
                                "save/engine/fused@/threads:2",
                                "save/engine/fused@/threads:1/checksum",
                                "save/engine/fused@/threads:2/checksum",
                                "save/c_face@/threads:1",
                                "save/documented_sequential@/threads:1/cold",
                                "save/copy_floor@/threads:2/cold",
                                "save/mutex_list@/threads:1",
                                "save/openvmm_shape@/threads:1",
                                "save/flatbuffers@/threads:1",
                                "save/qemu_shape@/threads:2",
                                "save/pmr_monotonic@/threads:2",
                                "save/malloc_per_packet@/threads:2",
                                "save/mimalloc_per_packet@/threads:2",
                                "save/tbb_scalable@/threads:2",
                                "save/engine/exact@/threads:2/cold",
                                "save/engine/fused@/threads:2/cold",
                                "save/engine/fused@/skew:90/threads:2",
                                "save/engine/fused@/skew:90/serial_callbacks/threads:2"}) {
    std::string name = row;
    name.replace(name.find('@'), 1, point);
    EXPECT_TRUE(has(rows, name)) << name;
  }
}

TEST(Suites, OneCpuMeansOneThread) {
  for (const std::string& suite : suite_names()) {
    for (const RowSpec& row : suite_rows(suite, 1, kMuch)) EXPECT_EQ(row.threads, 1u) << row_name(row);
  }
}

TEST(Suites, FullAddsOneFactorAtATime) {
  const auto rows = suite_rows("full", 6, kMuch);
  const auto differs = [](const Point& p) {
    const Point middle;
    return int{p.channels != middle.channels} + int{p.packets != middle.packets} +
           int{p.state_min_bytes != middle.state_min_bytes || p.state_max_bytes != middle.state_max_bytes} +
           int{p.skew_percent != 0} + int{p.in_order} + int{p.stateful_percent != 100} + int{p.callback_ns != 0} +
           int{p.slow_callback_ns != 0};
  };
  std::set<unsigned> threads;
  std::set<std::uint32_t> packets_of_peers;
  for (const RowSpec& row : rows) {
    if (is_peer(row.kind)) packets_of_peers.insert(row.point.packets);
    EXPECT_LE(differs(row.point), 1) << row_name(row);
    const bool slow = is_peer(row.kind) || row.point.callback_ns != 0 || row.point.slow_callback_ns != 0 ||
                      row.point.state_min_bytes >= 4096 || row.point.packets >= 262'144;
    const bool slowest = is_peer(row.kind) && (row.point == Point{} || row.point.state_min_bytes == 4096);
    EXPECT_EQ(row.saves, slowest ? 50u : slow ? 150u : 1000u) << row_name(row);
    threads.insert(row.threads);
  }
  EXPECT_EQ(threads, (std::set<unsigned>{1, 2, 3, 4, 6}));
  EXPECT_EQ(packets_of_peers, (std::set<std::uint32_t>{64, 1024, 65'536}));
  const auto all = names("full", 6);
  for (const char* const point :
       {"channels:1/packets:65536/state:32-272", "channels:1023/packets:65536/state:32-272",
        "channels:16/packets:64/state:32-272", "channels:16/packets:1048576/state:32-272",
        "channels:16/packets:65536/state:0-0", "channels:16/packets:65536/state:32-32",
        "channels:16/packets:65536/state:272-272", "channels:16/packets:65536/state:624-624",
        "channels:16/packets:65536/state:4096-4096", "channels:16/packets:65536/state:16384-16384",
        "channels:16/packets:65536/state:32-272/stateful:0", "channels:16/packets:65536/state:32-272/stateful:50",
        "channels:16/packets:65536/state:32-272/callback_ns:50",
        "channels:16/packets:65536/state:32-272/callback_ns:500",
        "channels:16/packets:65536/state:32-272/slow_1_percent_ns:20000",
        "channels:16/packets:65536/state:92-340/mix:open-cas",
        "channels:16/packets:65536/state:92-220/mix:cloudphysics"}) {
    for (const char* const plan : {"exact", "fused"}) {
      EXPECT_TRUE(has(all, std::string("save/engine/") + plan + "/" + point + "/threads:2")) << point;
    }
    EXPECT_TRUE(has(all, std::string("save/c_face/") + point + "/threads:2")) << point;
  }
  const std::string middle = "/channels:16/packets:65536/state:32-272";
  for (const std::string& row :
       {"save/c_face/exact" + middle + "/threads:2", "save/c_face" + middle + "/threads:2/cold",
        "save/c_face" + middle + "/skew:90/threads:2",
        "save/c_face" + middle + "/skew:90/serial_callbacks/threads:2"}) {
    EXPECT_TRUE(has(all, row)) << row;
  }
  for (const char* const row :
       {"/threads:1/first_touch", "/threads:2/first_touch", "/threads:1/pages:4k", "/threads:2/pages:4k"}) {
    EXPECT_TRUE(has(all, "save/engine/fused" + middle + row)) << row;
    EXPECT_FALSE(has(names("quick", 6), "save/engine/fused" + middle + row)) << row;
  }
  const std::string in_order = "/channels:16/packets:65536/state:32-272/in_order/threads:";
  EXPECT_TRUE(has(all, "save/engine/fused" + in_order + "2"));
  EXPECT_TRUE(has(all, "save/documented_sequential" + in_order + "1"));
  EXPECT_TRUE(has(names("full", 2, 1 << 30), "save/engine/fused/channels:16/packets:16384/state:4096-4096/threads:2"));
}

TEST(Suites, WhatIsTooLargeIsLeftOutAndNamed) {
  const auto left_out = left_out_rows("full", 2, kMuch);
  ASSERT_EQ(left_out.size(), 3u);
  const auto rows = names("full", 2);
  for (const report::LeftOutRow& row : left_out) {
    EXPECT_FALSE(has(rows, row.name));
    EXPECT_NE(row.name.find("/channels:16/packets:262144/state:16384-16384/threads:2"), std::string::npos) << row.name;
    EXPECT_EQ(row.reason, "its image of 4112 MiB exceeds 2 GiB");
  }
  for (const RowSpec& row : suite_rows("full", 2, kMuch)) {
    EXPECT_LE(std::uint64_t{row.point.packets} * row.point.state_max_bytes, std::uint64_t{2} << 30) << row_name(row);
  }
  for (const char* const suite : {"smoke", "quick", "long"}) EXPECT_TRUE(left_out_rows(suite, 2, kMuch).empty());
}

TEST(Suites, LargeStatesHaveFewerPacketsWhereMemoryIsShort) {
  constexpr std::uint64_t kSixGiB = std::uint64_t{6} << 30;
  EXPECT_TRUE(has(names("full", 2, kSixGiB), "save/c_face/channels:16/packets:65536/state:4096-4096/threads:2"));
  EXPECT_TRUE(has(names("full", 2, kSixGiB), "save/c_face/channels:16/packets:16384/state:16384-16384/threads:2"));
  EXPECT_TRUE(has(names("full", 2, 1 << 30), "save/c_face/channels:16/packets:4096/state:16384-16384/threads:2"));
}

TEST(Suites, LongGoesToTheLimits) {
  std::uint64_t largest = 0;
  std::uint32_t channels = 0;
  for (const RowSpec& row : suite_rows("long", 2, kMuch)) {
    EXPECT_LE(row.point.packets, 1'048'576u);
    EXPECT_EQ(row.saves, 20u);
    largest = std::max(largest, std::uint64_t{row.point.packets} * row.point.state_min_bytes);
    channels = std::max(channels, row.point.channels);
  }
  EXPECT_GT(largest, std::uint64_t{4} << 30);
  EXPECT_EQ(channels, 2047u);
}

TEST(Roofline, CopiesWhatFitsInEachCacheAndWhatDoesNot) {
  std::set<std::uint64_t> sizes;
  for (const report::RooflineRow& row : roofline_rows("quick", 2)) {
    sizes.insert(row.bytes);
    EXPECT_LE(row.threads, 2u);
  }
  EXPECT_LE(*sizes.begin(), 32u << 10);
  EXPECT_GE(*sizes.rbegin(), 256u << 20);
  for (const report::RooflineRow& row : roofline_rows("full", 1)) EXPECT_EQ(row.threads, 1u);
  EXPECT_TRUE(roofline_rows("long", 2).empty());
}

TEST(Roofline, EachCopyIsWholeInEveryWay) {
  for (const unsigned threads : {1u, 2u, 3u}) {
    const auto executor = make_thread_executor(threads);
    for (const bool streaming : {false, true}) {
      for (const std::size_t bytes : {64u, 4096u, 65'536u}) {
        RooflineCopy copy(bytes, *executor, streaming);
        EXPECT_FALSE(copy.is_right());
        EXPECT_GT(copy.run(), 0u);
        EXPECT_TRUE(copy.is_right()) << threads << " " << streaming << " " << bytes;
      }
    }
  }
}

report::RowSamples samples(std::size_t saves, std::uint64_t ns) {
  report::RowSamples samples;
  samples.save_ns.assign(saves, ns);
  samples.ratio_to_floor.assign(saves, 1.0);
  samples.phase_ns[0].assign(saves, 1);
  return samples;
}

TEST(RowLog, KeepsTheLastCalls) {
  RowLog log(2);
  const RowSpec spec;
  log.add(spec, samples(1, 100));   // how many fill the wanted time?
  log.add(spec, samples(20, 101));  // a warm-up: as long as it likes
  log.add(spec, samples(10, 102));
  log.add(spec, samples(10, 103));
  ASSERT_EQ(log.rows().size(), 1u);
  const report::BenchRow row = log.rows()[0];
  EXPECT_EQ(row.samples.save_ns.size(), 20u);
  EXPECT_EQ(row.samples.save_ns.front(), 102u);
  EXPECT_EQ(row.samples.save_ns.back(), 103u);
  EXPECT_EQ(row.samples.ratio_to_floor.size(), 20u);
  EXPECT_EQ(row.samples.phase_ns[0].size(), 20u);
  EXPECT_TRUE(row.verified);
}

TEST(RowLog, ARowThatFailedOnceHasNoNumbers) {
  RowLog log;
  const RowSpec spec{.kind = Kind::kCFace};
  log.add(spec, samples(10, 1));
  log.fail(spec, "first");
  log.fail(spec, "second");
  log.add(spec, samples(20, 1));
  const report::BenchRow row = log.rows()[0];
  EXPECT_EQ(row.error, "first");
  EXPECT_FALSE(row.verified);
  EXPECT_TRUE(row.samples.save_ns.empty());
  EXPECT_EQ(row.face, "c");
}

// With a reporter of its own: Google Benchmark's default one serves a process only once.
class Run : public testing::Test {
 protected:
  ~Run() override { benchmark::ClearRegisteredBenchmarks(); }

  int run(const MakeContestants& make, bool list_only = false) {
    const std::vector<RowSpec> rows = {{.plan = SavePlan::kExact, .saves = 20},
                                       {.plan = SavePlan::kFused, .saves = 30}};
    benchmark::ClearRegisteredBenchmarks();  // those of an earlier run of the test hold what is gone
    register_rows(rows, true, make, log_);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    benchmark::ConsoleReporter reporter(benchmark::ConsoleReporter::OO_None);
    const std::size_t matched = benchmark::RunSpecifiedBenchmarks(&reporter);
    const int code = exit_code(list_only, matched, outcomes(log_));
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }

  RowLog log_;
  std::string out_, err_;
};

TEST_F(Run, MeasuresEachRowAsOftenAsItSays) {
  EXPECT_EQ(run([](const RowSpec&) { return tests::contestants({}); }), 0);
  ASSERT_EQ(log_.rows().size(), 2u);
  EXPECT_EQ(log_.rows()[0].samples.save_ns.size(), 20u);
  EXPECT_EQ(log_.rows()[1].samples.save_ns.size(), 30u);
  EXPECT_EQ(err_.find("vmbsave-bench"), std::string::npos) << err_;
}

TEST_F(Run, AWrongImageFailsItsRowAndTheRun) {
  const int code = run([](const RowSpec& spec) {
    tests::Script script;
    if (spec.plan == SavePlan::kFused) script.subject_differs_from = 1;
    return tests::contestants(script);
  });
  EXPECT_EQ(code, 1);
  EXPECT_NE(err_.find("vmbsave-bench: failed: save/engine/fused/"), std::string::npos) << err_;
  EXPECT_NE(err_.find("packet 3 differs"), std::string::npos) << err_;
  ASSERT_EQ(log_.rows().size(), 2u);
  EXPECT_TRUE(log_.rows()[0].verified) << "the other row is measured";
  EXPECT_TRUE(log_.rows()[1].samples.save_ns.empty());
  EXPECT_NE(out_.find("ERROR"), std::string::npos) << out_;
}

TEST_F(Run, AnImageThatGoesWrongInTheLoopFailsTheRun) {
  tests::Script script;
  script.subject_differs_from = 5;
  EXPECT_EQ(run([&](const RowSpec&) { return tests::contestants(script); }), 1);
}

TEST_F(Run, ASaveThatThrowsInTheLoopFailsTheRun) {
  tests::Script script;
  script.subject_ns = [](unsigned save) -> std::uint64_t {
    return save < 5 ? 1000 : throw std::runtime_error("save failed");
  };
  EXPECT_EQ(run([&](const RowSpec&) { return tests::contestants(script); }), 1);
  EXPECT_NE(err_.find("save failed"), std::string::npos);
}

TEST_F(Run, ARowThatCannotBeMadeFailsTheRun) {
  EXPECT_EQ(run([](const RowSpec&) -> Contestants { throw std::bad_alloc(); }), 1);
  EXPECT_NE(err_.find("not enough memory"), std::string::npos);
}

TEST_F(Run, NothingMeasuredFailsUnlessAListWasWanted) {
  benchmark::SetBenchmarkFilter("no such row");
  EXPECT_EQ(run([](const RowSpec&) { return tests::contestants({}); }), 1);
  EXPECT_NE(err_.find("nothing was measured"), std::string::npos);
  EXPECT_EQ(run([](const RowSpec&) { return tests::contestants({}); }, true), 1) << "nor is there a list";
  benchmark::SetBenchmarkFilter("fused");
  EXPECT_EQ(run([](const RowSpec&) { return tests::contestants({}); }, true), 0);
  benchmark::SetBenchmarkFilter("");
}

}  // namespace
}  // namespace vmbsave::bench
