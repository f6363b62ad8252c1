// Every command that README.md shows is run, or it is said here why not; every link of the pages leads somewhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "e2e/in_a_folder.hpp"
#include "e2e/pages.hpp"
#include "e2e/program.hpp"

namespace vmbsave::tests {
namespace {

// The commands that are not run here, and in their place.
struct Instead {
  std::string command;
  const char* reason;
};
const std::map<std::string, Instead> kInstead = {
    {"bench/run", {"'" VMBSAVE_ROOT "/bench/run' --help", "minutes; tests/scripts_test runs it with fake tools"}},
    {"tests/run", {"'" VMBSAVE_ROOT "/tests/run' --help", "an hour; tests/scripts_test runs it with fake tools"}},
    {"cmake --preset release && cmake --build build/release --target vmbsave vmbsave-bench",
     {"cd '" VMBSAVE_ROOT "' && cmake --list-presets | grep -q release", "the build that this test is part of"}},
    {"vmbsave gate --signals instructions",
     {"vmbsave gate --signals instructions --help", "builds two commits; tests/run has it as a leg"}},
};

// Lines of the blocks of sh, without what is said of them.
std::vector<std::string> shell_commands(const std::string& page) {
  std::vector<std::string> commands;
  bool is_shell = false;
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with("```")) {
      is_shell = line == "```sh";
    } else if (is_shell) {
      commands.push_back(std::regex_replace(line, std::regex(" +#.*$"), ""));
    }
  }
  return commands;
}

using Readme = InAFolder;

TEST_F(Readme, EachCommandRuns) {
  for (const char* const name : {"tests", "engine", "results"}) {
    std::filesystem::create_directory_symlink(std::string(VMBSAVE_ROOT) + "/" + name, folder_ / name);
  }
  std::filesystem::create_directory(folder_ / "build");
  const std::string tool = std::filesystem::path(VMBSAVE_TOOL).parent_path().string();
  std::size_t others = 0;
  for (const std::string& command : shell_commands(text_of(VMBSAVE_ROOT "/README.md"))) {
    const auto instead = kInstead.find(command);
    if (instead != kInstead.end()) ++others;
    const std::string& line = instead == kInstead.end() ? command : instead->second.command;
    std::ofstream(path("line")) << "cd '" << folder_.string() << "' || exit 9\nPATH='" << tool << "':$PATH\n" << line;
    const Outcome outcome = run("timeout 250 bash", "'" + path("line") + "'");
    const bool may_fail = command == "vmbsave doctor";  // it is the machine that is judged
    EXPECT_TRUE(outcome.exit_code == 0 || (may_fail && outcome.exit_code == 1)) << command << "\n" << outcome.out;
  }
  EXPECT_EQ(others, kInstead.size()) << "one of those is not in README.md any more";
}

TEST(ReadmeExample, IsTheOneThatIsTested) {
  const std::string header = text_of(VMBSAVE_ROOT "/tests/embed/readme_example.hpp");
  for (const std::string page : {"README.md", "engine/EMBEDDING.md"}) {
    const std::string before = "// ---- " + page + "\n";
    const std::size_t begin = header.find(before) + before.size();
    const std::string example = header.substr(begin, header.find("// ----\n", begin) - begin);
    EXPECT_NE(text_of(std::string(VMBSAVE_ROOT "/") + page).find("```cpp\n" + example + "```\n"), std::string::npos)
        << page << "\n"
        << example;
    const std::vector<std::string> lines = lines_of(example);
    EXPECT_LE(std::count_if(lines.begin(), lines.end(), [](const auto& line) { return !line.starts_with("//"); }), 12)
        << "short enough to be read at once";
  }
}

// "file.md#part" without the part; "" for what lies elsewhere.
std::string path_of_link(const std::string& link) {
  if (link.find("://") != std::string::npos || link.starts_with('#') || link.starts_with("mailto:")) return "";
  return link.substr(0, link.find('#'));
}

// As GitHub names the parts of a page: "In a program" is #in-a-program.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading) {
    if (c == ' ' || c == '-') anchor += '-';
    if (c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0) {
      anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return anchor;
}

bool has_part(const std::filesystem::path& page, const std::string& part) {
  for (const std::string& line : lines_of(text_of(page))) {
    const std::size_t level = line.find_first_not_of('#');
    if (level != 0 && level != std::string::npos && line[level] == ' ' && anchor_of(line.substr(level + 1)) == part) {
      return true;
    }
  }
  return false;
}

TEST(Pages, LinksLeadSomewhere) {
  static const std::regex link("\\]\\(([^)\\s]+)\\)");
  std::size_t links = 0;
  for (const std::filesystem::path& page : pages(VMBSAVE_ROOT)) {
    const std::string text = text_of(page);
    for (std::sregex_iterator match(text.begin(), text.end(), link), end; match != end; ++match) {
      const std::string target = (*match)[1].str();
      const std::string path = path_of_link(target);
      const std::filesystem::path file = path.empty() ? page : page.parent_path() / path;
      const std::size_t part = target.find("://") == std::string::npos ? target.find('#') : std::string::npos;
      if (part != std::string::npos) {
        EXPECT_TRUE(has_part(file, target.substr(part + 1))) << page.string() << ": " << target;
      }
      if (path.empty()) continue;
      ++links;
      EXPECT_TRUE(std::filesystem::exists(file)) << page.string() << ": " << path;
    }
  }
  EXPECT_GE(links, 100u);
}

}  // namespace
}  // namespace vmbsave::tests
