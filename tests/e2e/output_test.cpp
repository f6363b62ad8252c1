// --json, --out and --quiet mean the same for every subcommand, and the JSON is what its schema says.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "e2e/in_a_folder.hpp"
#include "e2e/pages.hpp"
#include "e2e/program.hpp"
#include "e2e/refused.hpp"
#include "json_schema.hpp"

namespace vmbsave::tests {
namespace {

class Output : public InAFolder {
 protected:
  static Outcome tool(const std::string& arguments) {
    return run("timeout 60 " VMBSAVE_TOOL, arguments + " </dev/null");
  }

  // The same JSON on standard output and in the file; nothing with --quiet. The command's times do not differ.
  void expect_same_everywhere(const std::string& command, int exit_code, const std::string& schema) {
    const Outcome outcome = tool(command + " --json --out " + path("out.json"));
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out;
    EXPECT_EQ(outcome.out, text_of(path("out.json"))) << command;
    Schema(VMBSAVE_SCHEMAS "/" + schema).expect_matches(nlohmann::json::parse(outcome.out));
    const Outcome quiet = tool(command + " --quiet -o " + path("quiet.json"));
    EXPECT_EQ(quiet.exit_code, exit_code) << command;
    EXPECT_EQ(quiet.out, "") << command;
    EXPECT_EQ(nlohmann::json::parse(text_of(path("quiet.json"))).at("schema"),
              nlohmann::json::parse(outcome.out).at("schema"));
    expect_one_refusal(tool(command + " --json --quiet"), command, "excludes");
    expect_one_refusal(tool(command + " --out " + folder_.string()), command, "cannot write " + folder_.string());
    expect_one_refusal(tool(command + " --out " + path("none/x")), command, "cannot write " + path("none/x"));
  }

  std::string replay() {
    EXPECT_EQ(tool("replay --profile cloudphysics --repeat 1 -q -o " + path("replay.json")).exit_code, 0);
    return path("replay.json");
  }
};

TEST_F(Output, OfImages) {
  for (const char* const image : {"/v1-blocks-of-21.img", "/v1-streamed.img"}) {
    const std::string file = std::string(VMBSAVE_GOLDEN) + image;
    expect_same_everywhere("inspect --each-packet " + file, 0, "inspect.schema.json");
    expect_same_everywhere("verify " + file, 0, "verify.schema.json");
  }
  const std::string bytes = text_of(VMBSAVE_GOLDEN "/v1-streamed.img");
  std::ofstream(path("cut.img"), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  std::ofstream(path("none.img"))
      << "no image at all, but long enough to have the head of a chunk in it, if it were one";
  for (const char* const name : {"cut.img", "none.img"}) {
    expect_same_everywhere("inspect " + path(name), 1, "inspect.schema.json");
    expect_same_everywhere("verify " + path(name), 1, "verify.schema.json");
  }
}

TEST_F(Output, OfAnImageSaysWhatItHolds) {
  const auto json = nlohmann::json::parse(tool("inspect --json --each-packet " VMBSAVE_GOLDEN "/v1-streamed.img").out);
  EXPECT_EQ(json.at("head").at("packets"), 75);
  EXPECT_EQ(json.at("head").at("bytes"), nullptr) << "streamed";
  EXPECT_EQ(json.at("channels").size(), 3u);
  EXPECT_EQ(json.at("channels")[2].at("packet_list").size(), 5u);
  EXPECT_EQ(json.at("good"), true);
  EXPECT_EQ(json.at("why"), nullptr);
}

TEST_F(Output, OfReplaysAndTables) {
  const std::string result = replay();
  expect_same_everywhere("table " + result, 0, "table.schema.json");
  const auto json = nlohmann::json::parse(tool("table --json " + result).out);
  EXPECT_EQ(json.at("results")[0].at("result"), nlohmann::json::parse(text_of(result)));
}

TEST_F(Output, OfTheRecordAndOfOthersRules) {
  expect_same_everywhere("record --check --results " VMBSAVE_RESULTS " --readme " VMBSAVE_ROOT "/README.md", 0,
                         "record.schema.json");
  expect_same_everywhere("gate rules " VMBSAVE_RESULTS "/gate-selftest.json.xz", 0, "../gate/rules.schema.json");
}

TEST_F(Output, IsNeverWrittenOverAnInput) {
  const std::string result = replay();
  const std::string before = text_of(result);
  std::filesystem::create_hard_link(result, path("hard"));
  for (const char* const name : {"replay.json", "hard"}) {
    expect_one_refusal(tool("table " + result + " --out " + path(name)), "table", "would write over");
  }
  const std::string image = path("image");
  std::filesystem::copy_file(VMBSAVE_GOLDEN "/v1-streamed.img", image);
  for (const char* const command : {"verify ", "inspect "}) {
    expect_one_refusal(tool(command + image + " --out " + image), command, "would write over");
  }
  expect_one_refusal(tool("replay --profile cloudphysics --image " + image + " --out " + image), "replay",
                     "would write over");
  EXPECT_EQ(text_of(result), before);
  EXPECT_EQ(text_of(image), text_of(VMBSAVE_GOLDEN "/v1-streamed.img"));
}

TEST_F(Output, NearestWordsAreSuggested) {
  const std::pair<const char*, const char*> mistyped[] = {
      {"replai", "no command 'replai'; did you mean replay?"},
      {"replay --tracee x", "no option '--tracee'; did you mean --trace?"},
      {"replay --profile=cloudphysics --thread 2", "no option '--thread'; did you mean --threads?"},
      {"inspect --max-byte 3 x", "no option '--max-byte'; did you mean --max-bytes?"},
      {"gate --inconclusiv warn", "no option '--inconclusiv'; did you mean --inconclusive?"},
      {"gate selftest --lnog", "no option '--lnog'; did you mean --long?"},
      {"doctor --frobnicate", "no option '--frobnicate'; see vmbsave doctor --help"}};
  for (const auto& [arguments, words] : mistyped) expect_one_refusal(tool(arguments), arguments, words);
}

}  // namespace
}  // namespace vmbsave::tests
