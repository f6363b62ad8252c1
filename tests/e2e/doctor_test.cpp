// vmbsave doctor as people call it, on whatever machine this is.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "json_schema.hpp"

namespace vmbsave::tests {
namespace {

namespace fs = std::filesystem;

Outcome doctor(const std::string& arguments) { return run("timeout 60 " VMBSAVE_TOOL " doctor", arguments); }

TEST(Doctor, JsonIsWhatTheSchemaSays) {
  const Outcome outcome = doctor("--json 2>/dev/null");
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  Schema(VMBSAVE_SCHEMAS "/doctor.schema.json").expect_matches(json);
  EXPECT_EQ(outcome.exit_code, json.at("doctor").at("failures") == 0 ? 0 : 1);
}

TEST(Doctor, IsALineForEachFindingAndTheirSum) {
  const Outcome outcome = doctor("");
  std::istringstream in(outcome.out);
  std::array<int, 3> counts{};
  std::string line;
  for (; std::getline(in, line) && !line.ends_with(" failures");) {
    const std::array<const char*, 3> levels = {"OK    ", "WARN  ", "FAIL  "};
    const auto level =
        std::find_if(levels.begin(), levels.end(), [&](const char* head) { return line.starts_with(head); });
    ASSERT_NE(level, levels.end()) << line;
    ++counts.at(static_cast<std::size_t>(level - levels.begin()));
  }
  EXPECT_EQ(line, std::to_string(counts[0]) + " ok, " + std::to_string(counts[1]) + " warnings, " +
                      std::to_string(counts[2]) + " failures");
  EXPECT_EQ(outcome.exit_code, counts[2] == 0 ? 0 : 1) << outcome.out;
}

TEST(Doctor, OddCommandLinesAreRefused) {
  for (const char* const arguments : {"--bogus", "word", "--json=perhaps"}) {
    const Outcome outcome = doctor(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_TRUE(outcome.out.starts_with("vmbsave doctor: ")) << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  }
  EXPECT_EQ(doctor("--help").exit_code, 0);
  EXPECT_EQ(doctor("> /dev/full").exit_code, doctor("").exit_code == 0 ? 2 : 1) << "it was not read";
}

// The tool in a folder of its own, whose name is no word of the shell.
class DoctorsNeighbour : public InAFolder {
 protected:
  DoctorsNeighbour() {
    fs::create_directory(home_);
    fs::copy_file(VMBSAVE_TOOL, home_ / "vmbsave");
  }

  void put_bench(const std::string& context) const {
    const fs::path bench = home_ / "vmbsave-bench";
    std::ofstream(bench) << "#!/bin/sh\n[ \"$*\" = --context ] && echo '" << context << "'\necho noise >&2\n";
    fs::permissions(bench, fs::perms::owner_all);
  }

  std::string google_benchmark() const {
    const Outcome outcome = run("timeout 60 \"" + (home_ / "vmbsave").string() + "\"", "doctor --json");
    const nlohmann::json json = nlohmann::json::parse(outcome.out);
    for (const nlohmann::json& finding : json.at("doctor").at("findings")) {
      if (finding.at("name") == "Google Benchmark") {
        return finding.at("level").get<std::string>() + " " + finding.at("found").get<std::string>();
      }
    }
    return "";
  }

  const fs::path home_ = folder_ / "it's a home";
};

TEST_F(DoctorsNeighbour, KnowsHowGoogleBenchmarkWasBuilt) {
  EXPECT_EQ(google_benchmark(), "ok not loaded by this program");
  put_bench(R"({"libraries":{"google_benchmark_build":"debug"}})");
  EXPECT_EQ(google_benchmark(), "warn debug");
  put_bench(R"({"libraries":{"google_benchmark_build":"release"}})");
  EXPECT_EQ(google_benchmark(), "ok release");
  for (const char* const odd : {"", "no JSON", "{}", R"({"libraries":{"google_benchmark_build":7}})"}) {
    put_bench(odd);
    EXPECT_EQ(google_benchmark(), "warn unknown") << odd;
  }
}

}  // namespace
}  // namespace vmbsave::tests
