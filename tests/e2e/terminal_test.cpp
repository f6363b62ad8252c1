// What a terminal gets that a file does not: a line of progress, in one line of the terminal and without escape codes.
#include <gtest/gtest.h>

#include <sstream>

#include "e2e/child.hpp"

namespace vmbsave::tests {
namespace {

const std::vector<std::string> kReplay = {VMBSAVE_TOOL, "replay", "--profile", "cloudphysics", "--repeat", "60000"};

std::string on_terminal(const std::vector<std::string>& environment, const std::string& more = "") {
  std::vector<std::string> words = kReplay;
  if (!more.empty()) words.push_back(more);
  Child child = Child::on_terminal(words, environment);
  const std::string text = child.await();
  EXPECT_EQ(child.exit_code(), 0) << text;
  return text;
}

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

TEST(Terminal, ShowsProgressInOneLine) {
  const std::string text = on_terminal({"TERM=xterm", "COLUMNS=50"});
  EXPECT_TRUE(has(text, " % [")) << text;
  EXPECT_TRUE(has(text, "/s")) << text;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, '\r');) {
    if (has(part, " % [")) {
      EXPECT_LT(part.size(), 50u) << part;
    }
  }
  EXPECT_FALSE(has(text, "\x1b")) << text;
}

TEST(Terminal, ThatIsDumbOrToldToBeQuietShowsNone) {
  EXPECT_FALSE(has(on_terminal({"TERM=dumb"}), " % "));
  EXPECT_FALSE(has(on_terminal({"TERM=xterm"}, "--quiet"), " % "));
}

TEST(Terminal, WithNoColorHasNoEscapeCodes) {
  EXPECT_FALSE(has(on_terminal({"TERM=xterm", "NO_COLOR=1"}), "\x1b"));
  for (const char* const variable : {"NO_COLOR=1", "TERM=dumb"}) {
    Child child = Child::on_terminal({VMBSAVE_TOOL, "bench", "--suite=smoke", "--benchmark_filter=engine/fused"},
                                     {"TERM=xterm", variable});
    const std::string text = child.await();
    EXPECT_EQ(child.exit_code(), 0) << text;
    EXPECT_FALSE(has(text, "\x1b")) << text;
  }
}

// Two runs of different machines: hardly a row is the same.
TEST(Terminal, ComparesInColourUnlessToldNotTo) {
  const std::vector<std::string> words = {VMBSAVE_TOOL, "compare", "--across-machines",
                                          VMBSAVE_RESULTS "/20261128T215642Z-amd-epyc-2cpu-371e280",
                                          VMBSAVE_RESULTS "/20261129T025430Z-amd-epyc-2cpu-c0a1ad4"};
  const auto compare = [&](Child child) {
    const std::string text = child.await();
    EXPECT_EQ(child.exit_code(), 0) << text;
    EXPECT_TRUE(has(text, "faster") && has(text, "slower")) << text;
    return text;
  };
  const std::string coloured = compare(Child::on_terminal(words, {"TERM=xterm"}));
  EXPECT_TRUE(has(coloured, "\x1b[32mfaster\x1b[0m")) << coloured;
  EXPECT_TRUE(has(coloured, "\x1b[31mslower\x1b[0m")) << coloured;
  EXPECT_FALSE(has(compare(Child::on_terminal(words, {"TERM=xterm", "NO_COLOR=1"})), "\x1b"));
  EXPECT_FALSE(has(compare(Child::on_terminal(words, {"TERM=dumb"})), "\x1b"));
  EXPECT_FALSE(has(compare(Child::on_pipe(words, {"TERM=xterm"})), "\x1b"));
}

TEST(Terminal, IsNotWhatAPipeIs) {
  Child child = Child::on_pipe(kReplay, {"TERM=xterm"});
  const std::string text = child.await();
  EXPECT_EQ(child.exit_code(), 0) << text;
  EXPECT_FALSE(has(text, " % ")) << text;
  EXPECT_FALSE(has(text, "\r")) << text;
}

TEST(Terminal, HelpIsAsWideAsItIs) {
  Child child = Child::on_terminal({VMBSAVE_TOOL, "replay", "--help"}, {"TERM=xterm", "COLUMNS=70"});
  std::istringstream lines(child.await());
  for (std::string line; std::getline(lines, line) && !line.starts_with("Examples:");) {
    EXPECT_LE(line.size(), 71u) << line;
  }
}

}  // namespace
}  // namespace vmbsave::tests
