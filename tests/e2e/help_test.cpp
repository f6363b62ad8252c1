// --help of each subcommand, and that no page of the documentation names a flag that there is not.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>

#include "e2e/flags.hpp"
#include "e2e/pages.hpp"
#include "e2e/program.hpp"
#include "harness/exit_codes.hpp"

namespace vmbsave::tests {
namespace {

const std::string kRoot = VMBSAVE_ROOT;

// "vmbsave bench", ..., "vmbsave gate selftest".
std::vector<std::string> all_commands() {
  std::vector<std::string> commands;
  for (const std::string& name : listed_commands(help_of(kRoot, "vmbsave"))) {
    commands.push_back("vmbsave " + name);
    for (const std::string& below : listed_commands(help_of(kRoot, commands.back()))) {
      commands.push_back("vmbsave " + name + " " + below);
    }
  }
  return commands;
}

// The lines of a help between "Examples:" and what does not begin with two blanks.
std::vector<std::string> examples_of(const std::string& help) {
  const std::vector<std::string> lines = lines_of(help);
  auto at = std::find(lines.begin(), lines.end(), "Examples:");
  std::vector<std::string> examples;
  while (at != lines.end() && ++at != lines.end() && at->starts_with("  ")) {
    if (at->find("vmbsave ") != std::string::npos) examples.push_back(*at);
  }
  return examples;
}

TEST(Help, ListsTheSubcommandsInGroupsAndHidesTheGatesOwn) {
  const std::string help = help_of(kRoot, "vmbsave");
  for (const char* const group : {"\nMeasure:\n", "\nLook:\n", "\nJudge:\n", "\nKeep:\n"}) {
    EXPECT_NE(help.find(group), std::string::npos) << group;
  }
  EXPECT_GE(all_commands().size(), 13u) << help;
  EXPECT_EQ(help.find("gate-"), std::string::npos);
  for (const std::string& name : listed_commands(help)) {
    const std::regex line("\n  " + name + " +[a-z][^\n]*\n");
    EXPECT_TRUE(std::regex_search(help, line)) << name << ": one line";
  }
}

TEST(Help, OfEachSubcommandHasUsageExamplesAndExitCodes) {
  for (const std::string& command : all_commands()) {
    const Outcome outcome = run(VMBSAVE_TOOL, command.substr(8) + " --help");
    EXPECT_EQ(outcome.exit_code, 0) << command;
    EXPECT_EQ(run(VMBSAVE_TOOL, command.substr(8) + " -h").out, outcome.out) << command;
    EXPECT_NE(outcome.out.find("\nUsage: vmbsave"), std::string::npos) << command;
    EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\nExit codes: 0: [^]*2: [^]*128\\+N:"))) << command;
    const std::size_t examples = examples_of(outcome.out).size();
    EXPECT_TRUE(examples >= 2 && examples <= 6) << command << ": " << examples << " examples";
    for (const std::string& line : lines_of(outcome.out)) EXPECT_LE(line.size(), 120u) << command << ": " << line;
  }
}

TEST(Help, NamesOnlyFlagsThatThereAre) {
  KnownFlags known(kRoot);
  for (const std::string& command : all_commands()) {
    for (const std::string& line : lines_of(help_of(kRoot, command))) {
      for (const Named& named : flags_in(line)) {
        const Named meant = named.program.empty() ? Named{command, named.flag} : named;
        EXPECT_EQ(known.fault(meant), "") << command << ": " << line;
      }
    }
  }
}

TEST(Help, ShowsTheSameOptionsForTheSameThing) {
  for (const std::string& command : all_commands()) {
    const std::string help = help_of(kRoot, command);
    for (const char* const option : {"\n  --json ", "\n  -o, --out FILE ", "\n  -q, --quiet "}) {
      EXPECT_NE(help.find(option), std::string::npos) << command << option;
    }
  }
}

TEST(Help, AndTheReadmeHaveTheTableOfExitCodes) {
  const std::string help = std::regex_replace(help_of(kRoot, "vmbsave"), std::regex("\n {10,}"), " ");
  const std::string readme = text_of(kRoot + "/README.md");
  for (const bench::ExitCode& code : bench::kExitCodes) {
    const std::string meaning = code.meaning;
    EXPECT_NE(help.find(meaning), std::string::npos) << help;
    EXPECT_NE(readme.find("| " + std::string(code.number) + " | " + meaning + " |\n"), std::string::npos) << meaning;
  }
}

// What is a command on a page: what lies between ``` of sh, and between ` and `.
std::vector<std::string> commands_on(const std::string& page) {
  std::vector<std::string> commands;
  bool is_code = false;
  static const std::regex span("`([^`]+)`");
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with("```")) {
      is_code = !is_code;
    } else if (is_code) {
      commands.push_back(line);
    } else {
      for (std::sregex_iterator match(line.begin(), line.end(), span), end; match != end; ++match) {
        commands.push_back((*match)[1].str());
      }
    }
  }
  return commands;
}

// A subcommand or a suite that there is not; "": none is named.
std::string wrong_word_in(const std::string& command) {
  static const std::regex after_tool("(?:^|[ /])vmbsave ([a-z][a-z-]*)");
  static const std::regex after_suite("--suite[= ]([a-z]+)");
  static const std::vector<std::string> commands = listed_commands(help_of(kRoot, "vmbsave"));
  static const std::string bench = help_of(kRoot, "vmbsave bench");
  std::smatch found;
  if (std::regex_search(command, found, after_tool) && found[1] != "vmbsave-bench" &&
      std::find(commands.begin(), commands.end(), found[1].str()) == commands.end()) {
    return "no command " + found[1].str();
  }
  if (std::regex_search(command, found, after_suite) &&
      !std::regex_search(bench, std::regex("which rows:[^(]*\\b" + found[1].str() + "\\b"))) {
    return "no suite " + found[1].str();
  }
  return "";
}

// The faults of a page, each with what it says.
std::vector<std::string> faults_on(const std::string& page, KnownFlags& known) {
  std::vector<std::string> faults;
  for (const std::string& command : commands_on(page)) {
    if (const std::string word = wrong_word_in(command); !word.empty()) faults.push_back(word + ": " + command);
    for (const Named& named : flags_in(command)) {
      if (const std::string fault = known.fault(named); !fault.empty()) faults.push_back(fault + ": " + command);
    }
  }
  return faults;
}

TEST(Pages, NameOnlyFlagsThatThereAre) {
  KnownFlags known(kRoot);
  std::size_t flags = 0;
  for (const std::filesystem::path& page : pages(kRoot)) {
    const std::string text = text_of(page);
    for (const std::string& command : commands_on(text)) flags += flags_in(command).size();
    for (const std::string& fault : faults_on(text, known)) ADD_FAILURE() << page.string() << ": " << fault;
  }
  EXPECT_GE(flags, 40u) << "it would not notice one";
}

// The command beside each figure of a report: its flags, its suite and its profile are those that there are.
TEST(Pages, OfAReportShowCommandsThatThereAre) {
  KnownFlags known(kRoot);
  std::string html =
      run(VMBSAVE_TOOL, "report '" + kRoot + "/results/20261130T142145Z-amd-epyc-2cpu-b094c77' -o -").out;
  static const std::regex spans("</?span>");  // around each word of a command
  html = std::regex_replace(html, spans, "");
  static const std::regex command("<code>(vmbsave[^<]*)</code>");
  static const std::regex suite("--suite=([a-z]+)");
  const std::string bench_help = help_of(kRoot, "vmbsave bench");
  std::size_t commands = 0;
  for (std::sregex_iterator match(html.begin(), html.end(), command), end; match != end; ++match, ++commands) {
    const std::string line = (*match)[1].str();
    EXPECT_TRUE(line.starts_with("vmbsave ")) << line;
    EXPECT_GE(flags_in(line).size(), 1u) << line;
    for (const Named& named : flags_in(line)) EXPECT_EQ(known.fault(named), "") << line;
    std::smatch found;
    if (!std::regex_search(line, found, suite)) continue;
    EXPECT_TRUE(std::regex_search(bench_help, std::regex("\\b" + found[1].str() + "\\b"))) << line;
  }
  EXPECT_GE(commands, 23u) << "of 15 figures, and each replay has one";
}

TEST(Pages, WithAFlagThatThereIsNotAreNoticed) {
  KnownFlags known(kRoot);
  EXPECT_EQ(faults_on("`vmbsave gate --sauce .` and ```\n", known).size(), 1u);
  EXPECT_EQ(faults_on("```sh\nvmbsave replay --profile a --imago x | vmbsave table --none\n```\n", known).size(), 2u);
  EXPECT_EQ(faults_on("`vmbsave frobnicate FILE`; `vmbsave bench --suite=nosuch`; `vmbsave bench --suite=load`", known)
                .size(),
            2u);
  EXPECT_EQ(faults_on("`--nowhere`, `build/release/bench/cli/vmbsave check --profile`", known).size(), 2u);
  EXPECT_EQ(faults_on("`tests/run --everything`; `cmake --build x`; `tests/run --quick`", known).size(), 1u);
}

// A script's usage has each of its flags, and no other.
TEST(Scripts, UsageAndParsingAgree) {
  for (const char* const script : {"bench/run", "tests/run", "tests/fuzz/run", "tests/fuzz/coverage"}) {
    const std::string text = text_of(kRoot + "/" + script);
    const std::string help = help_of(kRoot, script);
    std::set<std::string> parsed;
    static const std::regex arm("^ +--[a-z |-]+\\)");
    static const std::regex flag_in_arm("--[a-z-]+");
    for (const std::string& line : lines_of(text)) {
      std::smatch found;
      if (!std::regex_search(line, found, arm)) continue;
      const std::string flags = found[0].str();
      for (std::sregex_iterator match(flags.begin(), flags.end(), flag_in_arm), end; match != end; ++match) {
        parsed.insert((*match)[0].str());
      }
    }
    EXPECT_FALSE(parsed.empty()) << script;
    for (const std::string& flag : parsed) EXPECT_NE(help.find(flag), std::string::npos) << script << " " << flag;
    KnownFlags known(kRoot);
    for (const std::string& line : lines_of(help)) {
      if (!line.starts_with("  --")) continue;
      const std::string flag = line.substr(2, line.find(' ', 2) - 2);
      EXPECT_TRUE(parsed.contains(flag)) << script << " " << flag;
    }
  }
}

}  // namespace
}  // namespace vmbsave::tests
