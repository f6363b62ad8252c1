// The main job on the real traces, through the tool: counts that are known of them, verified and restored, with 1 and 2
// threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "e2e/program.hpp"
#include "e2e/refused.hpp"
#include "json_schema.hpp"

namespace {

using vmbsave::tests::Outcome;

Outcome run(const std::string& arguments) { return vmbsave::tests::run(VMBSAVE_TOOL, arguments); }

// Empty if the trace is not there.
std::string trace(const std::string& name) {
  const char* const folder = std::getenv("VMBSAVE_TRACES");
  if (folder == nullptr) return "";
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  return std::filesystem::exists(path) ? path.string() : "";
}

struct Case {
  const char* file;
  const char* options;
  unsigned in_use;
  unsigned channels;
  unsigned requests;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.file << " " << c.options; }

class ReplayTraces : public testing::TestWithParam<Case> {};

TEST_P(ReplayTraces, InUseVerifiedAndRestored) {
  const Case c = GetParam();
  const std::string file = trace(c.file);
  if (file.empty()) GTEST_SKIP() << "no trace " << c.file;
  for (const char* threads : {"1", "2"}) {
    const Outcome outcome = run("replay --json --repeat 20 --plan exact --threads " + std::string(threads) + " " +
                                c.options + " --trace '" + file + "'");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
    const auto json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json.at("packets_in_use"), c.in_use);
    EXPECT_EQ(json.at("channels"), c.channels);
    EXPECT_EQ(json.at("requests"), c.requests);
    EXPECT_EQ(json.at("verified"), true);
    EXPECT_EQ(json.at("restored"), true);
    EXPECT_EQ(json.at("plan"), "exact");
    EXPECT_EQ(json.at("plan_asked"), "exact");
    EXPECT_EQ(json.at("threads"), std::atoi(threads));
    EXPECT_GT(json.at("image_bytes"), 0);
    EXPECT_TRUE(json.at("save_ns").at("p50").is_number_integer());
    EXPECT_TRUE(json.at("save_ns").at("p99").is_null()) << "20 saves do not make a 99th percentile";
    EXPECT_EQ(json.at("phases_ns").size(), 8u);
  }
}

constexpr const char* kOctf = "open-cas/sample_trace.tar.xz";
constexpr const char* kBlktrace = "blktrace/sample.blktrace.0";
constexpr const char* kSmb2 = "pcap/smb2.pcap";
constexpr const char* kVscsi = "cloudphysics/cloudPhysicsIO.vscsi";

INSTANTIATE_TEST_SUITE_P(
    Known, ReplayTraces,
    testing::Values(
        Case{kOctf, "", 1098, 48, 64420}, Case{kOctf, "--channels 1", 1098, 1, 64420}, Case{kBlktrace, "", 1, 1, 963},
        Case{kVscsi, "--service-time 1ms", 65, 1, 113872}, Case{kVscsi, "--service-time 10ms", 214, 1, 113872},
        Case{kVscsi, "--service-time 100ms", 1255, 1, 113872},
        Case{kVscsi, "--service-time 10ms --replicate 4 --shift 0s", 856, 4, 455488},
        Case{kVscsi, "--service-time 10ms --replicate 4 --shift 0s --one-cut --channels 2", 856, 2, 455488},
        Case{kSmb2, "--completion-delay 0ns --channels 1", 95, 1, 1178}, Case{kSmb2, "--channels 1", 105, 1, 1178},
        Case{kSmb2, "--channels 2 --replicate 3 --shift 0s", 315, 6, 3534},
        Case{"pcap/kerberos_tso.pcapng", "--completion-delay 0ns --channels 1", 13, 1, 314},
        Case{"pcap/firefox-102.13.0esr-blog-cloudflare-com.pcap", "--completion-delay 0ns --channels 1", 20, 1, 608},
        Case{"pcap/afs.pcap", "--completion-delay 0ns --channels 1", 6, 1, 601}));

TEST(Tool, BadInputIsOneLineAndExitCode2) {
  for (const char* arguments :
       {"", "bogus", "replay", "replay --profile ''", "table .",
        "replay --profile cloudphysics --shift 300000000s --replicate 64",
        "replay --profile cloudphysics --repeat 1 --image .", "replay --trace /no/such/file", "replay --profile none",
        "replay --bogus", "table /no/such/file", "replay --profile cloudphysics --service-time 10",
        "replay --profile cloudphysics --save-at 1h", "replay --profile cloudphysics --threads 0",
        "replay --profile cloudphysics --plan quick", "replay --profile cloudphysics --plan ExacT",
        "replay --profile cloudphysics --save-at 999s",
        "replay --profile cloudphysics --repeat 1 --image /no/such/folder/image",
        "replay --profile open-cas --replicate 64 --one-cut --repeat 1"}) {
    expect_one_refusal(run(arguments), arguments);
  }
}

TEST(Tool, ACompletionDelayIsForFrames) {
  const Outcome outcome = run("replay --profile cloudphysics --completion-delay 250us");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "vmbsave replay: --completion-delay is for frames, and the trace has none; leave it out\n");
  EXPECT_EQ(run("replay --profile cloudphysics --completion-delay 250").exit_code, 2) << "no unit";
}

TEST(Tool, LostOutputIsAFailure) {
  const Outcome outcome = run("replay --profile cloudphysics --repeat 1 --json 3>&1 > /dev/full");
  EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
}

TEST(Tool, ProfilesDoNotClaimMeasuredCompletions) {
  const auto json = nlohmann::json::parse(run("replay --profile open-cas --repeat 1 --json").out);
  EXPECT_EQ(json.at("measured_completions"), false);
  EXPECT_EQ(json.at("service_time_ns"), 15'017'000);
}

TEST(Tool, JsonIsWhatTheSchemaSays) {
  const auto json = nlohmann::json::parse(run("replay --profile cloudphysics --repeat 25 --json").out);
  vmbsave::tests::Schema(VMBSAVE_SCHEMA).expect_matches(json);
  EXPECT_TRUE(json.contains("doctor"));
  EXPECT_EQ(json.at("vsp"), "storvsp");
}

TEST(Tool, PlansAreAskedForAndTaken) {
  for (const std::string plan : {"auto", "exact", "fused"}) {
    const auto json = nlohmann::json::parse(run("replay --profile cloudphysics --repeat 1 --json --plan " + plan).out);
    EXPECT_EQ(json.at("plan_asked"), plan);
    EXPECT_EQ(json.at("plan"), plan == "exact" ? "exact" : "fused") << "auto is the fused plan";
    EXPECT_EQ(json.at("verified"), true);
  }
  const auto json = nlohmann::json::parse(run("replay --profile cloudphysics --repeat 1 --json").out);
  EXPECT_EQ(json.at("plan_asked"), "auto");
}

TEST(Tool, HelpNamesTheOptions) {
  const Outcome outcome = run("replay --help");
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* option :
       {"--trace", "--format", "--guest", "--service-time", "--completion-delay", "--channels", "--replicate",
        "--one-cut", "--save-at", "--threads", "--plan", "--repeat", "--image", "--json"}) {
    EXPECT_NE(outcome.out.find(option), std::string::npos) << option;
  }
}

TEST(Tool, ImageFileHoldsTheImage) {
  const std::filesystem::path image = std::filesystem::path(testing::TempDir()) / "tool_image.vmbs";
  const Outcome outcome = run("replay --profile cloudphysics --repeat 1 --json --image '" + image.string() + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_EQ(nlohmann::json::parse(outcome.out).at("image_bytes"), std::filesystem::file_size(image));
  std::filesystem::remove(image);
}

}  // namespace
