// vmbsave-bench as people use it: Google Benchmark's flags and its own, exit codes, the JSON and the table made from
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "e2e/program.hpp"
#include "json_schema.hpp"

namespace {

namespace fs = std::filesystem;
using vmbsave::tests::Outcome;

Outcome bench(const std::string& arguments) { return vmbsave::tests::run(VMBSAVE_BENCH_PROGRAM, arguments); }

// The smallest suite, without what Google Benchmark writes to standard error.
Outcome smoke(const std::string& arguments) { return bench("--suite=smoke " + arguments + " 2>/dev/null"); }

long lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

std::string found(const nlohmann::json& json, const std::string& name) {
  for (const nlohmann::json& finding : json.at("doctor").at("findings")) {
    if (finding.at("name") == name) return finding.at("found");
  }
  return "no finding " + name;
}

class Bench : public testing::Test {
 protected:
  Bench() { fs::remove(out_); }
  ~Bench() override { fs::remove(out_); }

  std::string out_flag() const { return "--out='" + out_.string() + "' "; }

  nlohmann::json read_out() const {
    std::ifstream in(out_);
    return nlohmann::json::parse(in);
  }

  const fs::path out_ =
      fs::path(testing::TempDir()) /
      (std::string("bench_") + testing::UnitTest::GetInstance()->current_test_info()->name() + ".json");
};

TEST_F(Bench, OutputThatIsLostIsAFailure) {
  const std::string arguments = "--benchmark_filter=copy_floor --benchmark_format=json ";
  EXPECT_EQ(smoke(arguments).exit_code, 0);
  EXPECT_EQ(smoke(arguments + "> /dev/full").exit_code, 2);
}

TEST_F(Bench, EveryRowOfTheSmallestSuiteIsMeasuredAndVerified) {
  const Outcome outcome = bench("--suite=smoke " + out_flag());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const nlohmann::json json = read_out();
  vmbsave::tests::Schema(VMBSAVE_SCHEMAS "/bench.schema.json").expect_matches(json);
  EXPECT_EQ(found(json, "Google Benchmark"), json.at("libraries").at("google_benchmark_build"));
  const std::string list = smoke("--benchmark_list_tests").out;
  EXPECT_EQ(static_cast<long>(json.at("rows").size() + json.at("roofline").size() + json.at("operations").size() +
                              json.at("transfers").size()),
            lines(list));
  for (const nlohmann::json& row : json.at("roofline")) {
    EXPECT_TRUE(row.at("error").is_null()) << row.at("error");
    EXPECT_EQ(row.at("copies"), 101);
    EXPECT_GT(row.at("gigabytes_per_second"), 0.0);
  }
  for (const nlohmann::json& row : json.at("rows")) {
    EXPECT_EQ(row.at("verified"), true) << row.at("name");
    EXPECT_EQ(row.at("saves"), 20) << row.at("name");
    EXPECT_EQ(row.at("samples_ns").size(), 20u) << row.at("name");
    EXPECT_EQ(row.at("packets"), 64) << row.at("name");
    EXPECT_GT(row.at("image_bytes"), 64 * 32) << row.at("name");
    EXPECT_EQ(row.at("hiccup_windows"), 20) << row.at("name");
    EXPECT_NE(list.find(row.at("name").get<std::string>() + "/"), std::string::npos) << row.at("name");
  }
}

TEST_F(Bench, PlansAndAllocatorCallsAreWhatTheRowsSay) {
  ASSERT_EQ(bench("--suite=smoke " + out_flag()).exit_code, 0);
  const nlohmann::json json = read_out();
  const bool counted = json.at("build").at("sanitizer").is_null();
  for (const nlohmann::json& row : json.at("rows")) {
    const std::string name = row.at("name");
    const nlohmann::json& calls = row.at("allocator_calls_p50");
    if (name.starts_with("save/engine/")) {
      const std::string plan = name.substr(12, 5);
      EXPECT_EQ(row.at("plan"), plan);
      EXPECT_EQ(row.at("face"), "c++");
      EXPECT_EQ(row.at("phases_ns").size(), 8u);
    }
    if (!counted) {
      EXPECT_TRUE(calls.is_null()) << name;
    } else if (json.at("build").at("check_level") >= 2) {
      EXPECT_FALSE(calls.is_null()) << name;  // each second call gets a guarded buffer of its own
    } else if (const std::string by = row.at("implementation"); by == "documented_sequential" || by == "qemu_shape") {
      EXPECT_GE(calls, 2 * 64) << "a heap buffer a packet";
    } else if (by == "malloc_per_packet" || by == "openvmm_shape") {
      EXPECT_GE(calls, 64) << "memory a packet";
    } else {
      EXPECT_EQ(calls, 0) << name;
    }
  }
}

TEST_F(Bench, APeerIsComparedWithTheEngine) {
  const Outcome outcome = bench("--suite=smoke " + out_flag());
  ASSERT_EQ(outcome.exit_code, 0);
  const nlohmann::json json = read_out();
  std::set<std::string> peers;
  for (const nlohmann::json& row : json.at("rows")) {
    if (row.at("ratio_to_engine").is_null()) continue;
    peers.insert(row.at("implementation"));
    EXPECT_GT(row.at("ratio_to_engine").at("p50"), 0.0);
    EXPECT_TRUE(row.at("verified"));
  }
  EXPECT_EQ(peers, (std::set<std::string>{"mutex_list", "openvmm_shape", "qemu_shape", "pmr_monotonic",
                                          "malloc_per_packet", "mimalloc_per_packet", "tbb_scalable", "flatbuffers"}));
}

TEST_F(Bench, ListsWithoutMeasuring) {
  const Outcome outcome = smoke("--benchmark_list_tests " + out_flag());
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.out.find("save/engine/fused/channels:2/packets:64/state:32-272/threads:1"), std::string::npos);
  EXPECT_FALSE(fs::exists(out_));
  EXPECT_GT(lines(smoke("--benchmark_list_tests=true").out), 10);
  EXPECT_GT(lines(bench("--benchmark_list_tests 2>/dev/null").out), 10) << "the default suite";
}

TEST_F(Bench, RowsThatAreTooLargeAreNamed) {
  const Outcome full = bench("--suite=full --benchmark_list_tests");
  EXPECT_EQ(full.exit_code, 0);
  EXPECT_NE(full.out.find("left out: save/engine/fused/channels:16/packets:262144/state:16384-16384/threads:"),
            std::string::npos);
  EXPECT_NE(full.out.find(": its image of 4112 MiB exceeds 2 GiB\n"), std::string::npos);
  EXPECT_EQ(bench("--benchmark_list_tests").out.find("left out"), std::string::npos) << "not of this suite";
}

TEST_F(Bench, AFilterThatMatchesNothingIsAFailure) {
  const Outcome outcome = bench("--suite=smoke --benchmark_filter=nothing " + out_flag());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("vmbsave-bench: nothing was measured"), std::string::npos) << outcome.out;
  EXPECT_FALSE(fs::exists(out_));
}

TEST_F(Bench, GoogleBenchmarksJsonHoldsMachineAndCounters) {
  const Outcome outcome = smoke("--benchmark_format=json --benchmark_filter=engine/fused.*threads:1/iter");
  ASSERT_EQ(outcome.exit_code, 0);
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  for (const char* const key : {"machine.cpu", "machine.cpus_allowed", "build.commit", "build.compiler",
                                "libraries.google_benchmark", "allocator", "doctor.load", "doctor.Google Benchmark"}) {
    EXPECT_TRUE(json.at("context").contains(key)) << key;
  }
  ASSERT_EQ(json.at("benchmarks").size(), 1u);
  const nlohmann::json& row = json.at("benchmarks").at(0);
  EXPECT_EQ(row.at("iterations"), 20);
  for (const char* const counter : {"packets/s", "ns/packet", "image_bytes", "ratio_to_floor",
                                    "times_faster_than_sequential", "p50_ns", "max_ns", "page_faults"}) {
    EXPECT_TRUE(row.contains(counter)) << counter;
  }
  EXPECT_FALSE(row.contains("p99_ns")) << "20 saves do not make a 99th percentile";
}

// The doctor of the program that measures: the one that knows the library.
TEST_F(Bench, ContextAloneIsJson) {
  const Outcome outcome = bench("--context 2>/dev/null");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  const fs::path schema = VMBSAVE_SCHEMAS "/context.schema.json";
  ASSERT_EQ(json.size(), 5u);
  for (const auto& [key, value] : json.items()) vmbsave::tests::Schema(schema, "/$defs/" + key).expect_matches(value);
  EXPECT_EQ(found(json, "Google Benchmark"), json.at("libraries").at("google_benchmark_build"));
  EXPECT_EQ(found(json, "build type"), json.at("build").at("build_type"));
}

TEST_F(Bench, OtherFormatsAndOutputFilesWork) {
  const Outcome csv = smoke("--benchmark_format=csv --benchmark_filter=c_face.*threads:1/iter");
  EXPECT_EQ(csv.exit_code, 0);
  EXPECT_NE(csv.out.find("name,iterations,real_time"), std::string::npos) << csv.out;
  const Outcome tabular =
      smoke("--benchmark_counters_tabular=true --benchmark_filter=c_face.*threads:1/iter --benchmark_out='" +
            out_.string() + "' --benchmark_out_format=json");
  EXPECT_EQ(tabular.exit_code, 0);
  EXPECT_NE(tabular.out.find("ratio_to_floor"), std::string::npos);
  EXPECT_EQ(read_out().at("benchmarks").size(), 1u);
}

// No TMPDIR: the thread sanitizer writes a file of its own there before main, which the limit would end.
TEST_F(Bench, OutputThatGoogleBenchmarkLosesIsAFailureToo) {
  const std::string filter = "--benchmark_filter=c_face.*threads:1/iter --benchmark_out=";
  for (const char* const format : {"json", "csv", "console"}) {
    const Outcome outcome =
        vmbsave::tests::run("ulimit -f 0; TMPDIR=/nowhere " VMBSAVE_BENCH_PROGRAM,
                            "--suite=smoke " + filter + "'" + out_.string() + "' --benchmark_out_format=" + format);
    EXPECT_EQ(outcome.exit_code, 2) << format;
    EXPECT_NE(outcome.out.find("vmbsave-bench: cannot write " + out_.string()), std::string::npos) << outcome.out;
    EXPECT_FALSE(fs::exists(out_)) << format;
  }
}

TEST_F(Bench, RepetitionsAreOneLongRow) {
  const Outcome outcome = smoke("--benchmark_repetitions=3 --benchmark_enable_random_interleaving=true " + out_flag() +
                                "--benchmark_filter='engine/.*/threads:1/iter'");
  ASSERT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.out.find("_mean"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("rows "), std::string::npos) << "no terminal, no progress: " << outcome.out;
  const nlohmann::json json = read_out();
  ASSERT_EQ(json.at("rows").size(), 2u);
  for (const nlohmann::json& row : json.at("rows")) {
    EXPECT_EQ(row.at("saves"), 60);
    EXPECT_EQ(row.at("samples_ns").size(), 60u);
  }
}

TEST_F(Bench, WarmUpsAreNoSamples) {
  const Outcome outcome = smoke("--benchmark_min_warmup_time=0.02 --benchmark_repetitions=2 " + out_flag() +
                                "--benchmark_filter='engine/fused.*/threads:1/iter'");
  ASSERT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(read_out().at("rows").at(0).at("saves"), 40);
}

TEST_F(Bench, TimesAreInTheUnitThatIsAskedFor) {
  const std::string filter = "--benchmark_format=csv --benchmark_filter='engine/fused.*/threads:1/iter'";
  EXPECT_NE(smoke(filter).out.find(",ms,"), std::string::npos);
  EXPECT_NE(smoke(filter + " --benchmark_time_unit=us").out.find(",us,"), std::string::npos);
}

TEST_F(Bench, MinTimeDecidesHowManySaves) {
  const Outcome outcome =
      smoke("--benchmark_min_time=0.002 --benchmark_filter='c_face.*threads:1/manual' " + out_flag());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const nlohmann::json row = read_out().at("rows").at(0);
  EXPECT_GT(row.at("saves"), 1);
  EXPECT_EQ(row.at("samples_ns").size(), row.at("saves"));
}

TEST_F(Bench, WhatItDoesNotUnderstandIsOneLineAndExitCode2) {
  for (const char* const arguments :
       {"--bogus", "--suite=huge", "--suite", "word", "--benchmark_formt=json", "--benchmark_format=xml",
        "--benchmark_repetitions=many", "--suite=smoke --out=/no/such/folder/out.json", "--suite=smoke --out=/",
        "--benchmark_min_time=nan", "--benchmark_min_time=-1", "--benchmark_min_warmup_time=inf",
        "--benchmark_repetitions=0", "--benchmark_out=/no/such/folder/out.json", "--out=same --benchmark_out=same",
        "--out=/dev/stdout"}) {
    const Outcome outcome = bench(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments << "\n" << outcome.out;
    EXPECT_TRUE(outcome.out.find("vmbsave-bench: ") != std::string::npos) << outcome.out;
    EXPECT_LE(lines(outcome.out), 1 + std::string(arguments).starts_with("--benchmark_rep")) << outcome.out;
  }
}

TEST_F(Bench, HelpShowsAllFlags) {
  const Outcome outcome = bench("--help");
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* const flag : {"--suite ", "--out ", "--benchmark_filter", "--benchmark_repetitions"}) {
    EXPECT_NE(outcome.out.find(flag), std::string::npos) << flag;
  }
}

TEST_F(Bench, TheToolRunsItAndMakesTheTable) {
  const Outcome ran = vmbsave::tests::run(
      VMBSAVE_TOOL, "bench --suite=smoke " + out_flag() + "--benchmark_filter=engine/fused --benchmark_format=csv");
  ASSERT_EQ(ran.exit_code, 0) << ran.out;
  const Outcome table = vmbsave::tests::run(VMBSAVE_TOOL, "table '" + out_.string() + "'");
  ASSERT_EQ(table.exit_code, 0) << table.out;
  EXPECT_NE(table.out.find("\nchannels:2/packets:64/state:32-272, warm\nimplementation "), std::string::npos)
      << table.out;
  EXPECT_NE(table.out.find("\nchannels:2/packets:64/state:32-272, cold\n"), std::string::npos);
  EXPECT_EQ(table.out.find("NO\n"), std::string::npos);
  const Outcome help = vmbsave::tests::run(VMBSAVE_TOOL, "bench --help");
  EXPECT_NE(help.out.find("--suite "), std::string::npos) << help.out;
  EXPECT_EQ(vmbsave::tests::run(VMBSAVE_TOOL, "bench --bogus").exit_code, 2);
}

// As the suite bar would leave it of the same rows.
void make_bar(const fs::path& file) {
  nlohmann::ordered_json run = nlohmann::ordered_json::parse(std::ifstream(file));
  run["suite"] = "bar";
  std::ofstream(file) << run;
}

// The rows of smoke are others: what is not there does not hold.
TEST_F(Bench, TheToolJudgesARun) {
  ASSERT_EQ(smoke("--benchmark_filter='operations|mutex_list' " + out_flag()).exit_code, 0);
  const Outcome other = vmbsave::tests::run(VMBSAVE_TOOL, "bar '" + out_.string() + "'");
  EXPECT_EQ(other.exit_code, 2) << other.out;
  EXPECT_EQ(other.out,
            "vmbsave bar: " + out_.string() + ": suite smoke: the bar is asked of --suite=bar; run bench/run --bar\n");
  make_bar(out_);
  const Outcome bar = vmbsave::tests::run(VMBSAVE_TOOL, "bar '" + out_.string() + "'");
  EXPECT_EQ(bar.exit_code, 1) << bar.out;
  EXPECT_NE(bar.out.find("NOT MEASURED: no row save/engine/fused/channels:16"), std::string::npos) << bar.out;
  EXPECT_EQ(bar.out.find("no row operations/"), std::string::npos) << bar.out;
  EXPECT_NE(bar.out.find(" lines hold\n"), std::string::npos) << bar.out;
  const Outcome as_json = vmbsave::tests::run(VMBSAVE_TOOL, "bar --json '" + out_.string() + "'");
  EXPECT_EQ(as_json.exit_code, 1);
  vmbsave::tests::Schema(VMBSAVE_SCHEMAS "/bar.schema.json").expect_matches(nlohmann::json::parse(as_json.out));
  std::ofstream(out_) << R"({"schema": "vmbsave-load-1"})";
  for (const std::string& arguments : {std::string("bar"), "bar '" + out_.string() + "'", std::string("bar none")}) {
    const Outcome refused = vmbsave::tests::run(VMBSAVE_TOOL, arguments);
    EXPECT_EQ(refused.exit_code, 2) << refused.out;
    EXPECT_EQ(lines(refused.out), 1) << refused.out;
  }
}

// Of its whole folder, too, in which there may be what has no table.
TEST_F(Bench, TheToolTakesTheFolderOfARun) {
  const fs::path folder = out_.string() + ".run";
  fs::create_directory(folder);
  ASSERT_EQ(smoke("--benchmark_filter=mutex_list --out='" + (folder / "bench.json").string() + "'").exit_code, 0);
  vmbsave::tests::run(VMBSAVE_TOOL, "doctor --quiet --out '" + (folder / "doctor.json").string() + "'");
  const Outcome table = vmbsave::tests::run(VMBSAVE_TOOL, "table '" + folder.string() + "'");
  EXPECT_EQ(table.exit_code, 0) << table.out;
  EXPECT_EQ(table.out, vmbsave::tests::run(VMBSAVE_TOOL, "table '" + (folder / "bench.json").string() + "'").out);
  const Outcome over = vmbsave::tests::run(
      VMBSAVE_TOOL, "table '" + folder.string() + "' --out '" + (folder / "bench.json").string() + "'");
  EXPECT_EQ(over.exit_code, 2) << over.out;
  EXPECT_NE(over.out.find("would write over "), std::string::npos) << over.out;
  fs::remove(folder / "bench.json");
  const Outcome none = vmbsave::tests::run(VMBSAVE_TOOL, "table '" + folder.string() + "'");
  EXPECT_EQ(none.exit_code, 2) << none.out;
  EXPECT_NE(none.out.find(": no result in it has a table"), std::string::npos) << none.out;
  fs::remove_all(folder);
}

// The name that it was called by.
TEST_F(Bench, SpeaksAsTheToolThatStartedIt) {
  EXPECT_EQ(vmbsave::tests::run(VMBSAVE_TOOL, "bench --filter fused").out,
            "vmbsave bench: no option '--filter'; did you mean --benchmark_filter?\n");
  EXPECT_EQ(vmbsave::tests::run(VMBSAVE_TOOL, "bench --suite=other").out.find("vmbsave bench: --suite: "), 0u);
  EXPECT_EQ(bench("--filter=fused").out, "vmbsave-bench: no option '--filter'; did you mean --benchmark_filter?\n");
  EXPECT_EQ(bench("--floder .").out, "vmbsave-bench: no option '--floder'; did you mean --folder?\n");
}

TEST_F(Bench, TheToolSaysWhenItIsNotThere) {
  const fs::path folder = fs::path(testing::TempDir()) / "tool_alone";
  fs::create_directories(folder);
  fs::copy_file(VMBSAVE_TOOL, folder / "vmbsave", fs::copy_options::overwrite_existing);
  const Outcome outcome = vmbsave::tests::run((folder / "vmbsave").string(), "bench");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(lines(outcome.out), 1) << outcome.out;
  EXPECT_NE(outcome.out.find("vmbsave bench: cannot run "), std::string::npos) << outcome.out;
  fs::remove_all(folder);
}

TEST_F(Bench, ReplaysAndBenchmarksShareATable) {
  const fs::path replay = out_.string() + ".replay";
  ASSERT_EQ(
      vmbsave::tests::run(VMBSAVE_TOOL, "replay --profile cloudphysics --repeat 1 --json >'" + replay.string() + "'")
          .exit_code,
      0);
  ASSERT_EQ(smoke("--benchmark_filter=c_face.*threads:1/iter " + out_flag()).exit_code, 0);
  const Outcome table = vmbsave::tests::run(VMBSAVE_TOOL, "table '" + out_.string() + "' '" + replay.string() + "'");
  EXPECT_EQ(table.exit_code, 0) << table.out;
  EXPECT_NE(table.out.find("cloudphysics"), std::string::npos);
  EXPECT_NE(table.out.find("c_face"), std::string::npos);
  fs::remove(replay);
}

TEST_F(Bench, ARunIsRecordedAndShownInTheReadme) {
  const fs::path folder = out_.string() + ".record";
  fs::remove_all(folder);
  fs::create_directories(folder / "results");
  const std::string readme = (folder / "README.md").string();
  const std::string where = "record --results '" + (folder / "results").string() + "' --readme '" + readme + "' ";
  const auto record = [&](const std::string& more) { return vmbsave::tests::run(VMBSAVE_TOOL, where + more); };
  const std::string out = "'" + out_.string() + "'";
  ASSERT_EQ(smoke("--benchmark_filter=c_face.*threads:1/iter " + out_flag()).exit_code, 0);

  std::ofstream(readme) << "# Without the two lines\n";
  EXPECT_EQ(record("--allow-changes " + out).exit_code, 2);
  EXPECT_TRUE(fs::is_empty(folder / "results")) << "the README was looked at too late";
  const fs::path index = folder / "results" / "README.md";
  std::ofstream(index) << "# Without the two lines\n";
  EXPECT_EQ(record("--check").exit_code, 2);
  std::ofstream(index) << "# Runs\n<!-- runs -->\n<!-- end of runs -->\n";
  std::ofstream(readme) << "# Title\n<!-- results -->\n<!-- end of results -->\n";
  EXPECT_EQ(record("--check").exit_code, 1) << "it does not say that there is no run";
  EXPECT_EQ(record("").exit_code, 0);
  EXPECT_EQ(record("--check").exit_code, 0);

  const Outcome recorded = record("--allow-changes " + out);
  ASSERT_EQ(recorded.exit_code, 0) << recorded.out;
  const fs::path run = recorded.out.substr(0, recorded.out.find('\n'));
  EXPECT_EQ(run.parent_path(), folder / "results");
  EXPECT_EQ(record("--check").exit_code, 0);
  std::ostringstream list;
  list << std::ifstream(index).rdbuf();
  EXPECT_NE(list.str().find("[" + run.filename().string() + "]"), std::string::npos) << list.str();
  std::ofstream(index) << "# Runs\n<!-- runs -->\nother\n<!-- end of runs -->\n";
  EXPECT_EQ(record("--check").exit_code, 1);
  EXPECT_EQ(record("").exit_code, 0);
  EXPECT_EQ(record("--check").exit_code, 0);
  std::ostringstream table;
  table << std::ifstream(run / "table.txt").rdbuf();
  for (const fs::path& file : {out_, run / (out_.stem().string() + ".json.xz")}) {
    EXPECT_EQ(vmbsave::tests::run(VMBSAVE_TOOL, "table '" + file.string() + "'").out, table.str()) << file;
  }
  EXPECT_EQ(lines(record("--allow-changes " + out).out), 1) << "it is there already";
  EXPECT_EQ(record("--allow-changes " + out).exit_code, 2);
  std::ofstream(run / "more.json.xz") << "damaged";
  EXPECT_EQ(record("--check").exit_code, 2);
  for (const char* const unusable : {"--check FILE", "--bogus"}) EXPECT_EQ(record(unusable).exit_code, 2) << unusable;
  EXPECT_EQ(vmbsave::tests::run(VMBSAVE_TOOL, "record --results results").exit_code, 2);
  fs::remove_all(folder);
}

#ifdef VMBSAVE_BENCH_MIMALLOC
TEST_F(Bench, TheOtherProgramRunsOnMimalloc) {
  const std::string arguments = "--suite=smoke --benchmark_filter=documented_seq.*threads:1/iter " + out_flag();
  ASSERT_EQ(vmbsave::tests::run(VMBSAVE_BENCH_MIMALLOC, arguments).exit_code, 0);
  EXPECT_EQ(read_out().at("allocator").get<std::string>().substr(0, 9), "mimalloc ");
  EXPECT_GE(read_out().at("rows").at(0).at("allocator_calls_p50"), 2 * 64);
  ASSERT_EQ(bench(arguments).exit_code, 0);
  EXPECT_EQ(read_out().at("allocator"), "glibc");
}
#endif

}  // namespace
