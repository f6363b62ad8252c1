// The bench's JSON and its table, from rows made by hand.
#include "report/bench_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "json_schema.hpp"
#include "report/bench_table.hpp"
#include "report/build_info.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

BenchRow row(const std::string& implementation, std::size_t saves) {
  BenchRow row;
  row.name = "save/" + implementation;
  row.implementation = implementation;
  row.executor = "serial";
  row.point_name = "channels:16/packets:65536/state:32-272";
  row.verified = true;
  row.samples.image_bytes = 1'000'000;
  for (std::size_t i = 0; i < saves; ++i) {
    row.samples.save_ns.push_back(1'000'000 + i);
    row.samples.page_faults.push_back(3);
    row.samples.ratio_to_floor.push_back(1.5);
    row.samples.times_faster_than_documented_sequential.push_back(12.34);
    row.samples.hiccup_ns.push_back(i);
  }
  return row;
}

BenchRow engine_row(std::size_t saves) {
  BenchRow engine = row("engine", saves);
  engine.face = "c++";
  engine.samples.plan = SavePlan::kFused;
  engine.samples.threads_taken = 2;
  engine.threads = 2;
  engine.samples.allocator_calls.assign(21, 0);
  for (auto& phase : engine.samples.phase_ns) phase.assign(saves, 5);
  return engine;
}

Json context() {
  Json json;
  add_context(json);
  return json;
}

Json json_of(const std::vector<BenchRow>& rows) { return bench_json("quick", "2026-01-01T00:00:00Z", context(), rows); }

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

// The machine's own lines come first; the tables follow the first empty line.
std::string tables(const Json& json) {
  const std::string text = bench_table(json);
  return text.substr(text.find("\n\n") + 2);
}

TEST(BenchJson, IsWhatTheSchemaSays) {
  BenchRow failed = row("engine", 0);
  failed.verified = false;
  failed.error = "channel 3: not this packet";
  const Json json = json_of({row("copy_floor", 1000), engine_row(25), engine_row(5), failed});
  tests::Schema(VMBSAVE_SCHEMAS "/bench.schema.json").expect_matches(nlohmann::json(json));
}

TEST(BenchJson, HoldsEverySampleAndWhatFollowsFromThem) {
  const Json json = json_of({engine_row(1000)}).at("rows").at(0);
  EXPECT_EQ(json.at("saves"), 1000);
  EXPECT_EQ(json.at("samples_ns").size(), 1000u);
  EXPECT_EQ(json.at("samples_ns").at(7), 1'000'007);
  EXPECT_EQ(json.at("save_ns"), (Json{{"min", 1'000'000},
                                      {"p50", 1'000'499},
                                      {"p50_low", 1'000'468},
                                      {"p50_high", 1'000'531},
                                      {"p99", 1'000'989},
                                      {"max", 1'000'999}}));
  EXPECT_DOUBLE_EQ(json.at("ns_per_packet"), 1'000'499.0 / 65'536);
  EXPECT_EQ(json.at("ratio_to_floor"), (Json{{"p50", 1.5}, {"low", 1.5}, {"high", 1.5}}));
  EXPECT_EQ(json.at("page_faults_p50"), 3);
  EXPECT_EQ(json.at("allocator_calls_p50"), 0);
  EXPECT_EQ(json.at("phases_ns").size(), kSavePhases);
  EXPECT_EQ(json.at("phases_ns").at("pass").at("p50"), 5);
  EXPECT_EQ(json.at("plan"), "fused");
  EXPECT_EQ(json.at("threads_taken"), 2);
  EXPECT_EQ(json.at("face"), "c++");
  EXPECT_EQ(json.at("cache"), "warm");
  EXPECT_EQ(json.at("error"), nullptr);
}

TEST(BenchJson, SaysHowThePacketsLie) {
  BenchRow in_order = row("engine", 25);
  in_order.point.in_order = true;
  const Json rows = json_of({row("engine", 25), in_order}).at("rows");
  EXPECT_EQ(rows.at(0).at("in_order"), false);
  EXPECT_EQ(rows.at(1).at("in_order"), true);
}

TEST(BenchJson, SaysWhatSavePacketIsLike) {
  BenchRow other = row("engine", 25);
  other.point = {.stateful_percent = 50, .callback_ns = 500, .slow_callback_ns = 20'000, .mix = bench::Mix::kOpenCas};
  const Json rows = json_of({row("engine", 25), other}).at("rows");
  const auto told = [](const Json& row) {
    return Json{row.at("stateful_percent"), row.at("callback_ns"), row.at("slow_callback_ns"), row.at("mix")};
  };
  EXPECT_EQ(told(rows.at(0)), (Json{100, 0, 0, "none"}));
  EXPECT_EQ(told(rows.at(1)), (Json{50, 500, 20'000, "open-cas"}));
}

TEST(BenchJson, SaysThatMemoryWasTouchedFirst) {
  BenchRow first = row("engine", 25);
  first.first_touch = true;
  const Json json = json_of({first});
  EXPECT_EQ(json.at("rows").at(0).at("cache"), "first_touch");
  tests::Schema(VMBSAVE_SCHEMAS "/bench.schema.json").expect_matches(nlohmann::json(json));
  const std::string text = tables(json);
  EXPECT_TRUE(text.starts_with("channels:16/packets:65536/state:32-272, first_touch\n")) << text;
  EXPECT_NE(text.find("engine                     -       1 first    1.000"), std::string::npos) << text;
}

TEST(BenchJson, SaysWhichPagesThereAre) {
  BenchRow small = row("engine", 25);
  small.small_pages = true;
  Json json = json_of({row("engine", 25), small});
  EXPECT_EQ(json.at("rows").at(0).at("pages"), "default");
  EXPECT_EQ(json.at("rows").at(1).at("pages"), "4k");
  EXPECT_NE(tables(json).find("\n\nchannels:16/packets:65536/state:32-272, warm, pages of 4k\n"), std::string::npos);
  json["rows"][1].erase("pages");
  EXPECT_EQ(tables(json).find("pages"), std::string::npos) << "older files do not say";
}

TEST(BenchJson, NamesWhatWasLeftOut) {
  const Json json = bench_json("full", "2026-01-01T00:00:00Z", context(), {}, {}, {}, {{"save/x", "too large"}});
  EXPECT_EQ(json.at("left_out"), (Json::array({{{"name", "save/x"}, {"reason", "too large"}}})));
  tests::Schema(VMBSAVE_SCHEMAS "/bench.schema.json").expect_matches(nlohmann::json(json));
  EXPECT_EQ(json_of({}).at("left_out"), Json::array());
}

TEST(BenchJson, SaysNullWhereThereAreTooFewSamplesOrNone) {
  const Json json = json_of({row("copy_floor", 15)}).at("rows").at(0);
  EXPECT_EQ(json.at("save_ns").at("min"), 1'000'000);
  EXPECT_EQ(json.at("save_ns").at("p50"), nullptr);
  EXPECT_EQ(json.at("save_ns").at("p99"), nullptr);
  EXPECT_EQ(json.at("ns_per_packet"), nullptr);
  EXPECT_EQ(json.at("ratio_to_floor").at("p50"), nullptr);
  EXPECT_EQ(json.at("ratio_to_floor").at("low"), 1.5);
  EXPECT_EQ(json.at("allocator_calls_p50"), nullptr);
  EXPECT_EQ(json.at("plan"), nullptr);
  EXPECT_EQ(json.at("face"), nullptr);
  EXPECT_EQ(json.at("phases_ns"), Json::object());
}

TEST(BenchTable, IsThisText) {
  BenchRow checksum = engine_row(1000);
  checksum.checksum = true;
  EXPECT_EQ(tables(json_of({row("documented_sequential", 1000), checksum})),
            "channels:16/packets:65536/state:32-272, warm\n"
            "implementation          plan threads cache       ms   p99 ms ns/packet     x floor [95 %]  "
            "x faster than seq faults  allocs verified\n"
            "documented_sequential      -       1  warm    1.000    1.001      15.3  1.50 [1.50, 1.50]  "
            "12.3 [12.3, 12.3]      3       -      yes\n"
            "engine+checksum        fused       2  warm    1.000    1.001      15.3  1.50 [1.50, 1.50]  "
            "12.3 [12.3, 12.3]      3       0      yes\n"
            "(documented_sequential beside itself: 12.3 and not 1; so much the column is off)\n");
}

TEST(BenchTable, PeersHaveATableOfTheirOwnBesideTheEngine) {
  BenchRow peer = row("mutex_list", 1000);
  peer.samples.ratio_to_engine.assign(1000, 3.25);
  EXPECT_EQ(tables(json_of({engine_row(1000), peer})),
            "channels:16/packets:65536/state:32-272, warm\n"
            "implementation          plan threads cache       ms   p99 ms ns/packet     x floor [95 %]  "
            "x faster than seq faults  allocs verified\n"
            "engine                 fused       2  warm    1.000    1.001      15.3  1.50 [1.50, 1.50]  "
            "12.3 [12.3, 12.3]      3       0      yes\n"
            "\n"
            "channels:16/packets:65536/state:32-272, warm, what people would use instead\n"
            "implementation          plan threads cache       ms   p99 ms ns/packet    x engine [95 %]  "
            "x faster than seq faults  allocs verified\n"
            "mutex_list                 -       1  warm    1.000    1.001      15.3  3.25 [3.25, 3.25]  "
            "12.3 [12.3, 12.3]      3       -      yes\n");
}

TEST(RooflineTable, HasALineASize) {
  const auto copy = [](std::uint64_t bytes, unsigned threads, bool streaming, std::uint64_t ns) {
    return RooflineRow{"", bytes, threads, streaming, "", std::vector<std::uint64_t>(101, ns)};
  };
  EXPECT_EQ(roofline_table(roofline_json({copy(64 << 10, 1, false, 4096), copy(64 << 10, 2, false, 2048),
                                          copy(16 << 20, 1, false, 1 << 20), copy(16 << 20, 1, true, 1 << 19)})),
            "roofline, GB/s copied       memcpy, 1 thread     memcpy, 2 threads   streaming, 1 thread\n"
            "64 KiB                                  16.0                  32.0                     -\n"
            "16 MiB                                  16.0                     -                  32.0\n");
  EXPECT_EQ(roofline_table(roofline_json({})), "");
}

TEST(RooflineTable, ACopyThatFailedHasNoRate) {
  const auto json = roofline_json({{"roofline/x", 4096, 1, false, "not enough memory", {}}});
  EXPECT_TRUE(json.at(0).at("gigabytes_per_second").is_null());
  EXPECT_EQ(json.at(0).at("error"), "not enough memory");
}

TEST(BenchTable, HasATableAPointWarmAndColdApart) {
  BenchRow cold = engine_row(25);
  cold.cold = true;
  BenchRow other = engine_row(25);
  other.point_name = "channels:1/packets:64/state:32-272";
  const std::string text = tables(json_of({engine_row(25), cold, other, engine_row(30)}));
  const std::vector<std::string> all = lines(text);
  ASSERT_EQ(all.size(), 12u) << text;
  EXPECT_EQ(all[0], "channels:16/packets:65536/state:32-272, warm");
  EXPECT_EQ(all[3].substr(0, 6), "engine") << "both warm rows of the point";
  EXPECT_EQ(all[5], "channels:16/packets:65536/state:32-272, cold");
  EXPECT_EQ(all[9], "channels:1/packets:64/state:32-272, warm");
}

TEST(BenchTable, FitsInto132ColumnsAndSaysWhatIsMissing) {
  BenchRow failed = row("documented_sequential", 0);
  failed.verified = false;
  BenchRow large = engine_row(1000);
  for (auto& ns : large.samples.save_ns) ns = 12'345'678'901;
  for (auto& ratio : large.samples.ratio_to_floor) ratio = 9876.5;
  for (auto& ratio : large.samples.times_faster_than_documented_sequential) ratio = 0.994;
  large.samples.allocator_calls.assign(21, 2'097'152);
  large.samples.page_faults.assign(1000, 123'456);
  const std::string text = tables(json_of({failed, large}));
  for (const std::string& line : lines(text)) EXPECT_LE(line.size(), 132u) << line;
  EXPECT_NE(text.find("NO\n"), std::string::npos);
  EXPECT_NE(text.find("9876 [9876, 9876]"), std::string::npos) << text;
  EXPECT_NE(text.find("  12345.7  12345.7"), std::string::npos) << text;
}

TEST(BenchTable, NamesMachineAllocatorAndCommit) {
  Json json = json_of({});
  json["machine"]["cpu"] = "Fast CPU";
  json["allocator"] = "mimalloc 2.0.9";
  json["build"]["commit"] = "abc";
  json["build"]["clean"] = false;
  const std::string text = bench_table(json);
  for (const char* const part :
       {"suite quick, 2026-01-01T00:00:00Z", "Fast CPU", "allocator mimalloc 2.0.9", "commit abc with changes"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(BenchTable, SaysWhatElseTheMachineDid) {
  Json json = json_of({});
  json["doctor"]["findings"] = {{{"name", "load"}, {"level", "warn"}, {"found", "9.00 on 2 CPUs"}},
                                {{"name", "PMU"}, {"level", "warn"}, {"found", "none"}},
                                {{"name", "stolen time"}, {"level", "ok"}, {"found", "0.0 %"}},
                                {{"name", "CPU pressure"}, {"level", "fail"}, {"found", "35 %"}}};
  EXPECT_NE(bench_table(json).find("\nthe doctor warned: load 9.00 on 2 CPUs; CPU pressure 35 %\n"), std::string::npos);
  json["doctor"]["findings"] = Json::array();
  EXPECT_EQ(bench_table(json).find("doctor"), std::string::npos);
}

TEST(BenchTable, SaysHowADocumentedSaveFaresBesideItself) {
  BenchRow sequential = row("documented_sequential", 1000);
  sequential.samples.times_faster_than_documented_sequential.assign(64, 1.24);
  EXPECT_NE(bench_table(json_of({sequential})).find("\n(documented_sequential beside itself: 1.24 and not 1;"),
            std::string::npos);
  sequential.samples.times_faster_than_documented_sequential.assign(64, 1.02);
  EXPECT_EQ(bench_table(json_of({sequential})).find("beside itself"), std::string::npos);
}

TEST(BenchTable, RefusesOtherJson) { EXPECT_ANY_THROW((void)bench_table(Json{{"schema", "vmbsave-bench-1"}})); }

}  // namespace
}  // namespace vmbsave::report
