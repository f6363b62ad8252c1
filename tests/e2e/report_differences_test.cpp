// vmbsave report of two recorded runs: how they differ.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"

namespace vmbsave::tests {
namespace {

class ReportDifferences : public InAFolder {
 protected:
  Outcome report(const std::string& arguments) const {
    return run(std::string("timeout 120 ") + VMBSAVE_TOOL, "report " + arguments + " -o " + path("out.html"));
  }
  std::string page() const {
    std::ifstream file(path("out.html"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string results_ = std::string(VMBSAVE_RESULTS) + "/";
  const std::string before_ = results_ + "20261128T183702Z-amd-epyc-2cpu-ae3a68d";
  const std::string after_ = results_ + "20261128T215642Z-amd-epyc-2cpu-371e280";
  const std::string elsewhere_ = results_ + "20261129T110550Z-intel-xeon-2cpu-87fdd2c";
};

TEST_F(ReportDifferences, OfTwoRunsComeFirst) {
  const Outcome outcome = report(before_ + " " + after_);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const std::string html = page();
  const std::size_t differences = html.find("<section id=\"d2\">");
  ASSERT_NE(differences, std::string::npos);
  EXPECT_LT(differences, html.find("<article id=\"r1\">"));
  for (const char* const words : {"rows compared", "engine/fused/threads:2", "Plain copies took", "build.commit"}) {
    EXPECT_NE(html.find(words, differences), std::string::npos) << words;
  }
}

TEST_F(ReportDifferences, AreWhatCompareSays) {
  ASSERT_EQ(report(before_ + " " + after_).exit_code, 0);
  const Outcome compared = run(VMBSAVE_TOOL, "compare " + before_ + " " + after_);
  const std::size_t at = compared.out.find(" rows compared");
  ASSERT_NE(at, std::string::npos) << compared.out;
  const std::size_t line = compared.out.rfind('\n', at) + 1;
  EXPECT_NE(page().find(compared.out.substr(line, compared.out.find('\n', at) - line)), std::string::npos);
}

TEST_F(ReportDifferences, OfARunWithItselfAreNone) {
  ASSERT_EQ(report(before_ + " " + before_).exit_code, 0);
  EXPECT_NE(page().find(": 0 faster, 0 slower, "), std::string::npos);
}

TEST_F(ReportDifferences, OfDifferentMachinesAreRefusedUnlessAskedFor) {
  const Outcome refused = report(before_ + " " + elsewhere_);
  EXPECT_EQ(refused.exit_code, 2) << refused.out;
  EXPECT_EQ(std::count(refused.out.begin(), refused.out.end(), '\n'), 1) << refused.out;
  EXPECT_NE(refused.out.find("--across-machines"), std::string::npos) << refused.out;
  EXPECT_EQ(page(), "") << "no file is left";
  EXPECT_EQ(report("--across-machines " + before_ + " " + elsewhere_).exit_code, 0);
  EXPECT_NE(page().find("<section id=\"d2\">"), std::string::npos);
}

TEST_F(ReportDifferences, OfResultsThatShareNoRowAreLeftOut) {
  const Outcome replay = run(VMBSAVE_TOOL, "replay --profile cloudphysics --repeat 20 --json >" + path("replay.json"));
  ASSERT_EQ(replay.exit_code, 0) << replay.out;
  const Outcome outcome = report("--across-machines " + before_ + " " + path("replay.json"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_NE(page().find("<section id=\"d2\">"), std::string::npos);
}

// A checkout in which two commits behind the run's change the engine: what counts is the commit that the result names.
TEST_F(ReportDifferences, TheAgeOfARunIsSaid) {
  const std::string made =
      run("sh", "-c 'set -e; cd " + path("") +
                    "; git init -q tree; cd tree; mkdir engine; "
                    "git config user.name a; git config user.email a@b; "
                    "for i in 1 2 3; do echo $i >engine/a.cpp; git add .; git commit -qm $i; done; "
                    "git rev-list --max-parents=0 HEAD'")
          .out;
  const std::string first = made.substr(0, 40);
  const Outcome replay = run(VMBSAVE_TOOL, "replay --profile cloudphysics --repeat 20 --json >" + path("run.json"));
  ASSERT_EQ(replay.exit_code, 0) << replay.out;
  const Outcome changed = run("sed", "-i 's/\"commit\": .*/\"commit\": \"" + first + "\",/' " + path("run.json"));
  ASSERT_EQ(changed.exit_code, 0) << changed.out;
  ASSERT_EQ(report(path("run.json") + " --checkout " + path("tree")).exit_code, 0);
  EXPECT_NE(page().find("older than the engine here, which 2 commits have changed since"), std::string::npos);
  ASSERT_EQ(report(path("run.json") + " --checkout /").exit_code, 0);
  EXPECT_EQ(page().find("older than the engine"), std::string::npos) << "it is not known";
}

}  // namespace
}  // namespace vmbsave::tests
