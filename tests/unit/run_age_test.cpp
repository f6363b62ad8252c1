// How far the engine has gone on since a run, in work trees made for that.
#include "report/run_age.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "harness/child.hpp"

namespace vmbsave::report {
namespace {

namespace fs = std::filesystem;

class RunAge : public testing::Test {
 protected:
  RunAge() {
    fs::remove_all(tree_);
    fs::create_directories(tree_);
    git({"init", "-q"});
  }
  ~RunAge() override { fs::remove_all(tree_); }

  std::string git(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {"git", "-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"});
    const bench::ChildResult result =
        bench::run_child({.arguments = std::move(arguments), .environment = bench::own_environment(), .folder = tree_});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out.substr(0, result.out.find('\n'));
  }

  // Gives the new commit.
  std::string change(const std::string& file, const std::string& line = "more") const {
    fs::create_directories((tree_ / file).parent_path());
    std::ofstream(tree_ / file, std::ios::app) << line << '\n';
    git({"add", "-A"});
    git({"commit", "-q", "-m", "change"});
    return git({"rev-parse", "HEAD"});
  }

  const fs::path tree_ = fs::path(testing::TempDir()) /
                         (std::string("age_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(RunAge, CountsWhatChangesTheEngine) {
  const std::string run = change("engine/save/session.cpp");
  EXPECT_EQ(engine_commits_since(tree_, run), 0u);
  change("bench/run");
  change("engine/README.md");
  change("engine/verify/README.md");
  change("engine/verify/examine.cpp");
  change("engine/include/vmbsave/step.h");
  for (const char* const comment : {"// a word", "  /// a word", " * a word", ""})
    change("engine/save/session.cpp", comment);
  EXPECT_EQ(engine_commits_since(tree_, run), 0u) << "none of it is measured";
  change("engine/mem/arena.hpp", "    *out++ = 1;");
  change("engine/CMakeLists.txt");
  EXPECT_EQ(engine_commits_since(tree_, run), 2u);
  EXPECT_EQ(engine_commits_since(tree_, run.substr(0, 7)), 2u);
  EXPECT_EQ(engine_commits_since(tree_ / "bench", run), 2u) << "wherever in the tree";
}

TEST_F(RunAge, IsNotKnownOfOtherCommitsAndWithoutATree) {
  change("engine/a.cpp");
  for (const char* const commit :
       {"unknown", "HEAD", "master", "", "--all", "0123456789abcdef0123456789abcdef01234567"}) {
    EXPECT_EQ(engine_commits_since(tree_, commit), std::nullopt) << commit;
  }
  EXPECT_EQ(engine_commits_since("/", "0123456"), std::nullopt);
  EXPECT_EQ(engine_commits_since(tree_ / "none", "0123456"), std::nullopt);
}

}  // namespace
}  // namespace vmbsave::report
