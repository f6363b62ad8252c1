#include "e2e/flags.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

#include "e2e/program.hpp"

namespace vmbsave::tests {
namespace {

const std::set<std::string> kScripts = {"bench/run",           "tests/run", "tests/fuzz/run",
                                        "tests/fuzz/coverage", ".ci/run",   "tests/mutate/run"};

// Of the tool, as it lists them itself.
const std::set<std::string>& tool_commands() {
  static const std::vector<std::string> listed = listed_commands(run(VMBSAVE_TOOL, "--help").out);
  static const std::set<std::string> commands(listed.begin(), listed.end());
  return commands;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// What is around a word in prose and on command lines: `vmbsave, (--plan), 'x'.
std::string bare(std::string word) {
  const auto first = word.find_first_not_of("`'\"([*");
  if (first == std::string::npos) return "";
  word = word.substr(first);
  const auto last = word.find_last_not_of("`'\")],.:;*");
  return last == std::string::npos ? "" : word.substr(0, last + 1);
}

// A command line ends here, or what is quoted does; what follows is another's.
bool ends_command(const std::string& word) {
  return word == "|" || word == "&&" || word == "||" || word == "#" || word == ">" || word.ends_with(';') ||
         word.ends_with(',') ||
         (word.size() > 1 && (word.ends_with('`') || word.ends_with("`,") || word.ends_with("`.") ||
                              word.ends_with("`:") || word.ends_with('\'')));
}

bool is_flag(const std::string& word) {
  static const std::regex flag("(--[a-z][a-z0-9_-]*|-[a-z])(=.*)?");
  return std::regex_match(word, flag);
}

// "" if it is none of ours. A path in front of it does not matter.
std::string program_of(const std::string& word) {
  for (const std::string& script : kScripts) {
    if (word == script || word.ends_with("/" + script)) return script;
  }
  const std::string name = word.substr(word.rfind('/') + 1);
  if (name == "vmbsave") return "vmbsave";
  return name == "vmbsave-bench" || name == "vmbsave-bench-mimalloc" ? "vmbsave bench" : "";
}

}  // namespace

std::vector<Named> flags_in(const std::string& line) {
  std::vector<Named> found;
  const std::vector<std::string> words = words_of(line);
  std::string program = !words.empty() && is_flag(bare(words[0])) ? "" : "another's";
  for (const std::string& raw : words) {
    const std::string word = bare(raw);
    const std::string named = program_of(word);
    if (!named.empty()) {
      program = named;
    } else if (program == "vmbsave" && tool_commands().contains(word)) {
      program = "vmbsave " + word;
    } else if (program == "vmbsave gate" && (word == "selftest" || word == "rules")) {
      program += " " + word;
    } else if (is_flag(word) && program != "another's") {
      found.push_back({program, word.substr(0, word.find('='))});
    }
    if (ends_command(raw)) program = "another's";
  }
  return found;
}

std::vector<std::string> listed_commands(const std::string& help) {
  std::vector<std::string> commands;
  std::istringstream lines(help);
  bool in_list = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(' ')) {
      static const std::regex group("(Measure|Look|Judge|Keep|Subcommands):");
      in_list = std::regex_match(line, group) || (in_list && line.empty());
    } else if (in_list && line.starts_with("  ") && line[2] != ' ') {
      commands.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
  }
  return commands;
}

std::string help_of(const std::string& root, const std::string& program) {
  if (program.starts_with("vmbsave")) return run(VMBSAVE_TOOL, program.substr(7) + " --help").out;
  return run(root + "/" + program, "--help").out;
}

KnownFlags::KnownFlags(std::string root) : root_(std::move(root)) {
  std::ifstream in(root_ + "/tests/model/schedule/main.cpp");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  static const std::regex literal("\"(--[a-z-]+)\"");
  for (std::sregex_iterator match(text.begin(), text.end(), literal), end; match != end; ++match) {
    schedules_.insert((*match)[1].str());
  }
}

const std::set<std::string>& KnownFlags::of(const std::string& program) {
  const auto [at, is_new] = known_.try_emplace(program);
  if (!is_new) return at->second;
  // "  -o, --out FILE  ...", or Google Benchmark's and usage's "[--flag=...".
  static const std::regex option("(^|\n) +(-[a-z], )?(--[a-z][a-z0-9_-]*)|\\[(--[a-z][a-z0-9_-]*)|\\| (--[a-z-]+)");
  const std::string help = help_of(root_, program);
  for (std::sregex_iterator match(help.begin(), help.end(), option), end; match != end; ++match) {
    for (const std::size_t group : {3u, 4u, 5u}) {
      if ((*match)[group].matched) at->second.insert((*match)[group].str());
    }
    if ((*match)[2].matched) at->second.insert((*match)[2].str().substr(0, 2));
  }
  return at->second;
}

bool KnownFlags::anywhere(const std::string& flag) {
  if (of("vmbsave gate selftest").contains(flag) || of("vmbsave").contains(flag)) return true;
  if (schedules_.contains(flag)) return true;
  return std::any_of(tool_commands().begin(), tool_commands().end(),
                     [&](const std::string& command) { return of("vmbsave " + command).contains(flag); }) ||
         std::any_of(kScripts.begin(), kScripts.end(),
                     [&](const std::string& script) { return of(script).contains(flag); });
}

std::string KnownFlags::fault(const Named& named) {
  if (named.flag == "--help" || named.flag == "-h") return "";
  if (named.program.empty()) return anywhere(named.flag) ? "" : "no program has " + named.flag;
  return of(named.program).contains(named.flag) ? "" : named.program + " has no " + named.flag;
}

}  // namespace vmbsave::tests
