// vmbsave profile: a trace that the test writes, measured, written, and replayed without the trace.
#include <fstream>
#include <sstream>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "e2e/refused.hpp"
#include "json_schema.hpp"

namespace vmbsave::tests {
namespace {

namespace fs = std::filesystem;

class ProfileCommand : public InAFolder {
 protected:
  // vSCSI version 1: reads of 512 and writes of 4096 bytes by turns, 100 us apart.
  std::string disk(unsigned requests = 40) const {
    std::string bytes;
    const auto put = [&](std::uint64_t value, unsigned size) {
      bytes.append(reinterpret_cast<const char*>(&value), size);
    };
    for (unsigned i = 0; i < requests; ++i) {
      const bool read = i % 2 == 0;
      put(i + 1, 4);
      put(read ? 512 : 4096, 4);
      put(1, 4);
      put(read ? 0x28 : 0x2A, 2);
      put(1u << 8 | 1, 2);
      put(8 * i, 8);
      put(1'000'000 + i * 100, 8);
    }
    std::ofstream(path("disk.vscsi"), std::ios::binary) << bytes;
    return path("disk.vscsi");
  }

  static Outcome tool(const std::string& arguments, const std::string& environment = "LC_ALL=C COLUMNS=80") {
    return run("env " + environment + " timeout 60 " VMBSAVE_TOOL, arguments + " </dev/null");
  }

  static std::string content(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  static void expect_one_line(const std::string& arguments, const std::string& words) {
    expect_one_refusal(tool(arguments), arguments, words);
  }
};

TEST_F(ProfileCommand, TellsWhatATraceHolds) {
  const Outcome outcome = tool("profile " + disk() + " --service-time 1ms");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  for (const char* const part :
       {"disk: 40 requests in 3.90 ms (vscsi-v1)\n", "source: disk.vscsi\n", "credit: none given\n",
        "completions: assumed, 1.00 ms after submission\n",
        "operations: 20 read (50.0 %), 20 write (50.0 %), 0 discard (0.0 %)\n", "       512         20  50.0 % ####",
        "      4096         20  50.0 % ####", "peak 10 at 900.0 us", "      10 |", "       0 +------",
        "         0         40 100.0 % ####"}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << "\nin:\n" << outcome.out;
  }
}

TEST_F(ProfileCommand, IsAsWideAsTheTerminalAndDrawsWhatTheLocaleHas) {
  const std::string trace = disk();
  const auto longest = [](const std::string& text) {
    std::size_t bytes = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) bytes = std::max(bytes, line.size());
    return bytes;
  };
  const auto is_ascii = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
  };
  for (const char* const columns : {"COLUMNS=80", "COLUMNS=", "COLUMNS=9", "COLUMNS=x", "-u COLUMNS"}) {
    const std::string text = tool("profile " + trace, std::string(columns) + " LC_ALL=C").out;
    EXPECT_EQ(longest(text), 80u) << columns << "\n" << text;
    EXPECT_TRUE(is_ascii(text)) << text;
  }
  EXPECT_EQ(longest(tool("profile " + trace, "COLUMNS=132 LC_ALL=C").out), 132u);
  EXPECT_NE(tool("profile " + trace, "LC_ALL=C.UTF-8").out.find("█"), std::string::npos);
  EXPECT_TRUE(is_ascii(tool("profile " + trace, "LC_ALL=no_such_locale").out));
}

TEST_F(ProfileCommand, JsonIsWhatTheSchemaSaysAndWhatIsWritten) {
  const std::string options = " --json --name mine --source 'a test' --credit ours --min-count 2";
  const Outcome outcome = tool("profile " + disk() + options + " --out " + path("mine.json"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const auto json = nlohmann::json::parse(outcome.out);
  Schema(VMBSAVE_PROFILES "/profile.schema.json").expect_matches(json);
  EXPECT_EQ(json.at("name"), "mine");
  EXPECT_EQ(json.at("source"), "a test");
  EXPECT_EQ(json.at("credit"), "ours");
  EXPECT_EQ(json.at("completions").at("service_time_ns"), 10'000'000);
  EXPECT_EQ(content(path("mine.json")), outcome.out);
  EXPECT_EQ(tool("profile " + path("disk.vscsi") + options).out, outcome.out) << "the same trace, the same bytes";
}

TEST_F(ProfileCommand, AWrittenProfileIsReplayedWithoutTheTrace) {
  const std::string trace = disk();
  ASSERT_EQ(tool("profile " + trace + " --service-time 1ms --out " + path("mine.json")).exit_code, 0);
  fs::remove(trace);
  const Outcome outcome = tool("replay --repeat 1 --json --profile " + path("mine.json"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("trace"), path("mine.json"));
  EXPECT_EQ(json.at("format"), "profile");
  EXPECT_EQ(json.at("packets_in_use"), 10);
  EXPECT_EQ(json.at("service_time_ns"), 1'000'000);
  EXPECT_EQ(json.at("restored"), true);
  const Outcome here = run("cd " + folder_.string() + " && " VMBSAVE_TOOL, "replay --repeat 1 --profile mine.json");
  EXPECT_EQ(here.exit_code, 0) << here.out;
}

TEST_F(ProfileCommand, RefusesBadInputInOneLine) {
  const std::string trace = disk();
  expect_one_line("profile", "TRACE is required");
  expect_one_line("profile ''", "expected a value");
  expect_one_line("profile " + path("none"), "cannot read trace " + path("none") + ": no such file or directory");
  expect_one_line("profile " + trace + " --service-time 0s", "--service-time: in no time no request is in use");
  expect_one_line("profile " + trace + " --min-count 0", "--min-count: expected a whole number from 1 to");
  expect_one_line("profile " + trace + " --out " + path("none/a.json"), "cannot write " + path("none/a.json"));
  expect_one_line("profile " + trace + " --name ''", "--name: expected a value");
}

TEST_F(ProfileCommand, WritesNoProfileThatCannotBeRun) {
  const std::string trace = disk();
  std::ofstream(path("old.json")) << "old";
  const std::string out = " --out " + path("old.json");
  expect_one_line("profile " + trace + " --min-count 21" + out, "sizes.of_trace: expected an array of 1 to 4096");
  expect_one_line("profile " + trace + " --service-time 99999999s" + out, "completions.service_time_ns: expected");
  EXPECT_EQ(content(path("old.json")), "old");
  EXPECT_EQ(tool("profile " + trace + " --min-count 21").exit_code, 0) << "it can be looked at";
}

TEST_F(ProfileCommand, NeverWritesOverTheTrace) {
  const std::string trace = disk();
  const std::string bytes = content(trace);
  fs::create_hard_link(trace, path("hard"));
  fs::create_symlink(trace, path("soft"));
  for (const char* const name : {"disk.vscsi", "hard", "soft"}) {
    expect_one_line("profile " + trace + " --out " + path(name), "--out " + path(name) + " would write over the trace");
  }
  EXPECT_EQ(content(trace), bytes);
}

TEST_F(ProfileCommand, AReplayRefusesAFileThatIsNoProfile) {
  expect_one_line("replay --profile none", "no profile 'none'; there are: cloudphysics, open-cas");
  expect_one_line("replay --profile none.json", "none.json");
  expect_one_line("replay --profile " + folder_.string(), "expected a regular file");
  std::ofstream(path("bad.json")) << "{";
  expect_one_line("replay --profile " + path("bad.json"), path("bad.json") + ": expected JSON");
  ASSERT_EQ(tool("profile " + disk() + " --out " + path("good.json")).exit_code, 0);
  auto json = nlohmann::json::parse(content(path("good.json")));
  json["arrivals"]["levels"].back()["in_use"] = 41;
  std::ofstream(path("bad.json")) << json;
  expect_one_line("replay --profile " + path("bad.json"), "arrivals.levels[8].in_use: expected a whole number from ");
  expect_one_line("replay --profile " + path("good.json") + " --image " + path("good.json"), "would write over");
}

}  // namespace
}  // namespace vmbsave::tests
