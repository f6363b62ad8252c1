// Recorded runs: their folders, and the README's part that is made from them.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "report/bench_report.hpp"
#include "report/bench_table.hpp"
#include "report/host_report.hpp"
#include "report/json_file.hpp"
#include "report/live_report.hpp"
#include "report/load_report.hpp"
#include "report/readme_results.hpp"
#include "report/replay_report.hpp"
#include "report/results_folder.hpp"
#include "report/results_index.hpp"
#include "report/results_table.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";
constexpr const char* kFolder = "20261122T231500Z-amd-epyc-7763-2cpu-0123456";
constexpr const char* kBefore = "# Title\n\n<!-- results -->\n";
constexpr const char* kAfter = "<!-- end of results -->\n\nMore.\n";

Json an_epyc() {
  Json json;
  json["machine"] = {{"cpu", "AMD EPYC(TM) 7763 Processor @ 2.45GHz"},
                     {"cpus_allowed", 2},
                     {"cpu_quota", nullptr},
                     {"hypervisor", "KVM"},
                     {"kernel", "6.1.0"}};
  json["build"] = {{"compiler", "GCC 12.2.0"}, {"commit", kCommit}, {"clean", true}};
  json["allocator"] = "glibc";
  return json;
}

BenchRow row(const std::string& point) {
  BenchRow row;
  row.implementation = "engine";
  row.point_name = point;
  row.verified = true;
  row.samples.save_ns.assign(1000, 1'500'000);
  return row;
}

Json bench(const std::string& started = "2026-11-22T23:15:00Z") {
  return bench_json("quick", started, an_epyc(),
                    {row("channels:16/packets:65536/state:32-272"), row("channels:1/packets:64/state:32-272"),
                     row("channels:16/packets:65536/state:32-272/skew:90"),
                     row("channels:16/packets:65536/state:32-272/callback_ns:50")});
}

Json replay(std::uint64_t threads) {
  replay::Options options;
  options.threads = static_cast<unsigned>(threads);
  replay::Result result;
  result.save_ns.assign(1000, 50'000);
  result.packets_in_use = 100;
  result.verified = result.restored = true;
  Json json = replay_json({"traces/disk.vscsi", "vscsi-v1", "storvsp", false, true}, options, result);
  json.update(an_epyc());
  return json;
}

ResultFile file(const std::string& name, const Json& json) { return {name, json.dump(1) + "\n"}; }

class Results : public testing::Test {
 protected:
  Results() {
    fs::remove_all(top_);
    fs::create_directories(results_);
  }
  ~Results() override { fs::remove_all(top_); }

  fs::path record(const std::vector<ResultFile>& files, bool allow_changes = false) const {
    return record_results(results_, files, allow_changes);
  }

  // Nothing is left behind of what was refused.
  void expect_refused(const std::vector<ResultFile>& files, const std::string& why) const {
    const std::size_t before = entries();
    try {
      (void)record(files);
      FAIL() << "recorded, though: " << why;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
    EXPECT_EQ(entries(), before);
  }

  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(results_), fs::directory_iterator()));
  }

  std::string page(const std::string& text = std::string(kBefore) + kAfter) const {
    return with_results(top_ / "README.md", text, results_);
  }

  const fs::path top_ = fs::path(testing::TempDir()) /
                        (std::string("results_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  const fs::path results_ = top_ / "results";
};

TEST_F(Results, TextComesBackFromXzAsItWas) {
  const std::string text = bench().dump(1) + "\n";
  write_xz(results_ / "a.json.xz", text);
  EXPECT_LT(fs::file_size(results_ / "a.json.xz"), text.size() / 4);
  EXPECT_EQ(read_text(results_ / "a.json.xz"), text);
  write_text(results_ / "a.json", text);
  EXPECT_EQ(read_text(results_ / "a.json"), text);
  EXPECT_EQ(read_json(results_ / "a.json.xz"), bench());
}

TEST_F(Results, FilesThatAreNotWholeAreNamed) {
  write_xz(results_ / "a.json.xz", bench().dump());
  fs::resize_file(results_ / "a.json.xz", fs::file_size(results_ / "a.json.xz") / 2);
  write_text(results_ / "words.json", "words");
  write_text(results_ / "empty.json", "");
  for (const char* const name : {"a.json.xz", "words.json", "empty.json", "none.json"}) {
    try {
      (void)read_json(results_ / name);
      FAIL() << name;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
}

// Some kilobytes of xz may be any number of gigabytes.
TEST_F(Results, WhatUnpacksToTooMuchIsRefused) {
  write_xz(results_ / "bomb.json.xz", std::string((std::size_t{256} << 20) + 1, ' '));
  try {
    (void)read_text(results_ / "bomb.json.xz");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("bomb.json.xz: more than 256 MiB"), std::string::npos) << error.what();
  }
}

TEST_F(Results, AFolderHoldsEveryFileAndTheTables) {
  const ResultFile of_bench = file("bench", bench());
  const ResultFile of_replay = file("disk-1t", replay(1));
  const fs::path folder = record({of_bench, of_replay});
  EXPECT_EQ(folder, results_ / kFolder);
  EXPECT_EQ(read_text(folder / "bench.json.xz"), of_bench.text);
  EXPECT_EQ(read_text(folder / "disk-1t.json.xz"), of_replay.text);
  EXPECT_EQ(read_text(folder / "table.txt"), bench_table(bench()) + "\n" + replay_table({replay(1)}));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Results, WhatAKilledRunLeftIsReplaced) {
  const fs::path partial = results_ / (std::string(".") + kFolder + ".part");
  fs::create_directories(partial);
  write_text(partial / "old.json.xz", "old");
  const fs::path folder = record({file("bench", bench())});
  EXPECT_EQ(entries(), 1u);
  EXPECT_FALSE(fs::exists(folder / "old.json.xz"));
}

TEST_F(Results, MachinesAreNamedByModelAndCpus) {
  Json json = bench();
  const auto name = [&](const char* cpu) {
    json["machine"]["cpu"] = cpu;
    const std::string folder = results_folder_name(json);
    return folder.substr(17, folder.size() - 17 - 8);
  };
  EXPECT_EQ(name("AMD EPYC"), "amd-epyc-2cpu");
  EXPECT_EQ(name("Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz"), "intel-xeon-e5-2670-v3-2cpu");
  EXPECT_EQ(name("../@"), "unknown-2cpu");
  json["machine"]["cpu"] = nullptr;
  json["machine"]["cpus_allowed"] = nullptr;
  json["build"]["commit"] = "unknown";
  EXPECT_EQ(results_folder_name(json), "20261122T231500Z-unknown-unknown");
}

TEST_F(Results, WhatIsNotARunIsRefused) {
  Json other = bench();
  other["schema"] = "vmbsave-bench-2";
  expect_refused({file("bench", other)}, "bench: expected JSON of the schema vmbsave-bench-1");
  expect_refused({{"bench", "words"}}, "bench: expected JSON");
  expect_refused({{"bench", "[]"}}, "bench: expected JSON");
  expect_refused({file("disk", replay(1))}, "expected one JSON of vmbsave-bench, found 0");
  expect_refused({file("a", bench()), file("b", bench())}, "expected one JSON of vmbsave-bench, found 2");
  expect_refused({file("a", bench()), file("a", replay(1))}, "two files named a");
  Json of_other_commit = replay(1);
  of_other_commit["build"]["commit"] = "fedcba9";
  expect_refused({file("bench", bench()), file("disk", of_other_commit)}, "disk: made by another commit");
  Json dateless = bench();
  dateless["started_utc"] = "../../today";
  expect_refused({file("bench", dateless)}, "expected started_utc");
  Json of_no_commit = bench();
  of_no_commit["build"]["commit"] = "../../x";
  expect_refused({file("bench", of_no_commit)}, "expected a commit");
  expect_refused({{"bench", std::string(100'000, '[') + std::string(100'000, ']')}}, "bench: expected JSON");
}

TEST_F(Results, WhatIsNotWholeIsRefusedByName) {
  for (const char* const key : {"build", "rows", "machine"}) {
    Json less = bench();
    less.erase(key);
    expect_refused({file("bench", less)}, "bench: no result of vmbsave, or damaged");
    Json other = bench();
    other[key] = 5;
    expect_refused({file("bench", other)}, "bench: no result of vmbsave, or damaged");
  }
  Json less = replay(1);
  less.erase("save_ns");
  expect_refused({file("bench", bench()), file("disk", less)}, "disk: no result of vmbsave, or damaged");
}

TEST_F(Results, WhatWasNotVerifiedIsRefused) {
  Json unverified = bench();
  unverified["rows"][1]["verified"] = false;
  expect_refused({file("bench", unverified)}, "bench: expected a run in which every row");
  Json empty = bench();
  empty["rows"] = Json::array();
  expect_refused({file("bench", empty)}, "bench: expected a run in which every row");
  Json lost = replay(1);
  lost["restored"] = false;
  expect_refused({file("bench", bench()), file("disk", lost)}, "disk: expected a run in which every row");
}

TEST_F(Results, ARunIsRecordedOnce) {
  (void)record({file("bench", bench())});
  expect_refused({file("bench", bench())}, "is there already");
}

TEST_F(Results, FilesThatAreNotCommittedAreRefusedUnlessAllowed) {
  for (const Json& clean : {Json(false), Json(nullptr)}) {
    Json changed = bench();
    changed["build"]["clean"] = clean;
    expect_refused({file("bench", changed)}, "bench: built from files that differ from their commit");
    Json changed_replay = replay(1);
    changed_replay["build"]["clean"] = clean;
    expect_refused({file("bench", bench()), file("disk", changed_replay)}, "disk: built from files");
  }
  Json changed = bench();
  changed["build"]["clean"] = false;
  EXPECT_TRUE(fs::exists(record({file("bench", changed)}, true)));
  EXPECT_NE(page().find("commit 0123456 with changes;"), std::string::npos);
}

TEST_F(Results, WhatIsTooLargeToCommitIsRefused) {
  constexpr std::string_view kSixBits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Json large = bench();
  std::string noise;
  std::mt19937 random(1);
  for (int i = 0; i < 1'500'000; ++i) noise += kSixBits[random() % kSixBits.size()];
  large["noise"] = noise;
  expect_refused({file("bench", large)}, "bytes compressed, more than 1 MiB");
}

TEST_F(Results, ThePageShowsTheCentrePointTheReplaysAndTheFacts) {
  (void)record({file("bench", bench()), file("b", replay(2)), file("a", replay(1))});
  const std::string folder = std::string("results/") + kFolder;
  EXPECT_EQ(page(), kBefore +
                        ("```\n" + bench_groups(bench(), {"channels:16/packets:65536/state:32-272",
                                                          "channels:16/packets:65536/state:32-272/skew:90"})) +
                        "\n" + replay_table({replay(1), replay(2)}) + "```\n" +
                        "These numbers are of AMD EPYC(TM) 7763 Processor @ 2.45GHz, 2 CPUs, hypervisor KVM, kernel "
                        "6.1.0, GCC 12.2.0, allocator glibc, commit 0123456; every save of the table at scale is in [" +
                        folder + "](" + folder + ").\n" + kAfter);
  EXPECT_NE(page().find("skew:90, warm\n"), std::string::npos);
  EXPECT_EQ(page().find("packets:64/"), std::string::npos) << "not of the centre point";
  EXPECT_EQ(page().find("callback_ns"), std::string::npos) << "a factor around it";
  EXPECT_EQ(page(page()), page()) << "a second time changes nothing";
}

TEST_F(Results, ThePageShowsTheNewestRun) {
  Json other = bench("2026-11-20T00:00:00Z");
  other["machine"]["cpu"] = "Other";
  other["machine"]["cpus_allowed"] = 1;
  (void)record({file("bench", other)});
  (void)record({file("bench", bench("2026-11-21T00:00:00Z"))});
  (void)record({file("bench", bench("2026-11-23T00:00:00Z"))});
  (void)record({file("bench", bench("2026-11-22T00:00:00Z"))});
  fs::create_directories(results_ / "notes");
  const std::string text = page();
  EXPECT_NE(text.find("](results/20261123T"), std::string::npos) << text;
  for (const char* const older : {"20261120T", "20261121T", "20261122T"}) {
    EXPECT_EQ(text.find(older), std::string::npos) << text;
  }
}

TEST_F(Results, WithoutRunsThePageSaysSo) {
  EXPECT_EQ(page(), std::string(kBefore) + "No run has been recorded yet.\n" + kAfter);
  EXPECT_EQ(page(page()), page());
}

TEST_F(Results, ThePageNeedsItsTwoLines) {
  const std::string begin = "\n<!-- results -->\n";
  const std::string end = "\n<!-- end of results -->\n";
  for (const std::string& text : {std::string("text\n"), begin, end, end + begin, begin + begin + end,
                                  begin + end + end, "\n<!-- results --> here\n" + end}) {
    EXPECT_THROW((void)page(text), std::runtime_error) << text;
  }
}

TEST_F(Results, ADamagedRunIsNamed) {
  const fs::path folder = record({file("bench", bench())});
  write_text(folder / "bench.json.xz", "damaged");
  try {
    (void)page();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(kFolder), std::string::npos) << error.what();
  }
}

Json with_schema(const std::string& schema) {
  Json json = an_epyc();
  json["schema"] = schema;
  return json;
}

Json suite(Json json) {
  json.update(an_epyc());
  return json;
}

Json load(const std::string& error = "") {
  LoadRow row;
  row.name = "load/open/engine";
  row.error = error;
  return suite(load_json("2026-11-22T23:20:00Z", Json::object(), {}, {row}));
}

Json host(const std::string& error = "") {
  HostRow row;
  row.error = error;
  return suite(host_json("2026-11-22T23:20:00Z", Json::object(), {row}));
}

Json live(const std::string& error = "", const std::string& skipped = "") {
  LiveRow row;
  row.name = "live/channels:4";
  row.error = error;
  row.skipped = skipped;
  return suite(live_json("2026-11-22T23:20:00Z", Json::object(), {}, {row}));
}

TEST_F(Results, AWholePictureIsRecorded) {
  const fs::path folder =
      record({file("bench", bench()), file("load", load()), file("host", host()), file("live", live()),
              file("doctor", with_schema("vmbsave-doctor-1")), file("gate", with_schema("vmbsave-gate-1"))});
  EXPECT_EQ(read_json(folder / "gate.json.xz").at("schema"), "vmbsave-gate-1");
  EXPECT_EQ(read_json(folder / "doctor.json.xz").at("schema"), "vmbsave-doctor-1");
  const std::string tables = read_text(folder / "table.txt");
  EXPECT_NE(tables.find(load_table(load())), std::string::npos);
  EXPECT_NE(tables.find(host_table(host())), std::string::npos);
  EXPECT_NE(tables.find(live_table(live())), std::string::npos);
  EXPECT_NE(page().find("20261122T231500Z"), std::string::npos) << "the README shows the benchmarks and replays";
}

TEST_F(Results, SuitesWithRowsThatFailedAreRefused) {
  expect_refused({file("bench", bench()), file("load", load("lost a packet"))}, "load: expected a run in which every");
  expect_refused({file("bench", bench()), file("host", host("too late"))}, "host: expected a run in which every row");
  expect_refused({file("bench", bench()), file("live", live("a read differs"))},
                 "live: expected a run in which every row");
  EXPECT_TRUE(fs::exists(record({file("bench", bench()), file("live", live("", "no room"))}))) << "it says so";
  fs::remove_all(results_ / kFolder);
  Json empty = load();
  empty["rows"] = Json::array();
  expect_refused({file("bench", bench()), file("load", empty)}, "load: expected a run in which every row");
}

// A later run without one takes no picture away, and a README without a place for it has none.
TEST_F(Results, PicturesAreKeptAndTheNewestIsShown) {
  const std::string svg = "<svg xmlns='http://www.w3.org/2000/svg'/>\n";
  const fs::path folder = record_results(results_, {file("bench", bench())}, false, {{"latency", svg}, {"a", svg}});
  EXPECT_EQ(read_text(folder / "latency.svg"), svg);
  const fs::path later = record({file("bench", bench("2026-11-23T08:00:00Z"))});
  const std::string with_place = "<!-- picture -->\n<!-- end of picture -->\n";
  const std::string shown = page("\n" + with_place + kBefore + kAfter);
  const std::string link = std::string("results/") + kFolder;
  EXPECT_NE(shown.find("](" + link + "/latency.svg)](" + link + ")\n<!-- end of picture -->"), std::string::npos)
      << shown;
  EXPECT_EQ(page().find("latency.svg"), std::string::npos);
  EXPECT_EQ(page(shown), shown) << "a second time changes nothing";
  fs::remove_all(later);
  fs::remove_all(folder);
  EXPECT_THROW((void)record_results(results_, {file("bench", bench())}, false, {{"latency", "<html>"}}),
               std::runtime_error);
  EXPECT_EQ(entries(), 0u);
}

constexpr const char* kIndexBefore = "# Runs\n\n<!-- runs -->\n";
constexpr const char* kIndexAfter = "<!-- end of runs -->\nMore.\n";

Json fused_bench(const std::string& started) {
  std::vector<BenchRow> rows;
  for (const unsigned threads : {1u, 2u}) {
    rows.push_back(row("channels:16/packets:65536/state:32-272"));
    rows.back().name = "save/engine/fused/channels:16/packets:65536/state:32-272/threads:" + std::to_string(threads);
    rows.back().samples.save_ns.assign(1000, 2'500'000 / threads);
    rows.back().samples.ratio_to_floor.assign(1000, 1.2);
    rows.back().samples.times_faster_than_documented_sequential.assign(1000, 4.0 * threads);
  }
  return bench_json("full", started, an_epyc(), rows);
}

TEST_F(Results, TwoPicturesOfOneNameAreRefused) {
  const std::vector<ResultFile> pictures(2, {"latency", "<svg/>"});
  EXPECT_THROW((void)record_results(results_, {file("bench", bench())}, false, pictures), std::runtime_error);
}

TEST_F(Results, TheIndexListsEveryRunTheNewestFirst) {
  const auto index = [&](const std::string& text) { return with_index(results_ / "README.md", text, results_); };
  const std::string none = std::string(kIndexBefore) + kIndexAfter;
  EXPECT_EQ(index(none), std::string(kIndexBefore) + "No run has been recorded yet.\n" + kIndexAfter);
  (void)record({file("bench", fused_bench("2026-11-22T23:15:00Z"))});
  (void)record({file("bench", bench("2026-11-23T08:00:00Z"))});
  fs::create_directories(results_ / "notes");
  const std::string machine = "| AMD EPYC(TM) 7763 Processor @ 2.45GHz, 2 CPUs, hypervisor KVM |";
  const auto link = [](const std::string& utc) {
    const std::string name = utc + "-amd-epyc-7763-2cpu-0123456";
    return " [" + name + "](" + name + ") |\n";
  };
  const std::string made =
      std::string(kIndexBefore) +
      "| begun (UTC) | commit | machine | suite | fused save, ms | x floor | x faster than seq | run |\n"
      "|---|---|---|---|---|---|---|---|\n"
      "| 2026-11-23 08:00 | 0123456 " +
      machine + " quick | - / - | - / - | - / - |" + link("20261123T080000Z") + "| 2026-11-22 23:15 | 0123456 " +
      machine + " full | 2.500 / 1.250 | 1.20 / 1.20 | 4.00 / 8.00 |" + link("20261122T231500Z") + kIndexAfter;
  EXPECT_EQ(index(none), made);
  EXPECT_EQ(index(made), made) << "a second time changes nothing";
  EXPECT_THROW((void)index("# Runs\n"), std::runtime_error);
}

TEST(ResultsTable, BenchmarksComeBeforeReplays) {
  ResultsTable table;
  table.add(replay(1));
  table.add(bench());
  table.add(bench());
  EXPECT_EQ(table.text(), bench_table(bench()) + "\n" + bench_table(bench()) + "\n" + replay_table({replay(1)}));
  EXPECT_ANY_THROW(table.add(Json{{"schema", "other"}}));
}

}  // namespace
}  // namespace vmbsave::report
