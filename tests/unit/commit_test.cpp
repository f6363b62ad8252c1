// Which commit a build says it is: the build's script, on work trees made for it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;

bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

class Commit : public testing::Test {
 protected:
  void SetUp() override {
    if (!shell("git --version")) GTEST_SKIP() << "no git";
    fs::remove_all(tree_);
    fs::create_directories(tree_);
  }
  ~Commit() override { fs::remove_all(tree_); }

  bool git(const std::string& arguments) const {
    return shell("git -C '" + tree_.string() + "' -c user.name=t -c user.email=t@t.example " + arguments);
  }

  void put(const std::string& file, const std::string& text) const { std::ofstream(tree_ / file) << text; }

  void commit_a_file() const {
    put("a", "1");
    put(".gitignore", "/build/\n");
    ASSERT_TRUE(git("init") && git("add .") && git("commit -m one"));
  }

  // What the script writes for a folder.
  std::string written(const fs::path& source) const {
    const fs::path out = tree_ / "build" / "commit.hpp";
    EXPECT_TRUE(shell("'" VMBSAVE_CMAKE "' -DSOURCE='" + source.string() +
                      "' -DTEMPLATE='" VMBSAVE_COMMIT_SCRIPT "/commit.hpp.in' -DOUTPUT='" + out.string() +
                      "' -P '" VMBSAVE_COMMIT_SCRIPT "/commit.cmake'"));
    std::ostringstream text;
    text << std::ifstream(out).rdbuf();
    return text.str();
  }

  bool says(const std::string& text) const { return written(tree_).find(text) != std::string::npos; }

  const fs::path tree_ = fs::path(testing::TempDir()) /
                         (std::string("commit_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(Commit, OfAFreshTreeIsClean) {
  commit_a_file();
  EXPECT_TRUE(says("kClean = 1;"));
  EXPECT_TRUE(says("kClean = 1;")) << "what the script writes is in an ignored folder";
  EXPECT_FALSE(says("unknown\";")) << written(tree_);
}

TEST_F(Commit, OfAChangedTreeIsNotClean) {
  commit_a_file();
  put("a", "2");
  EXPECT_TRUE(says("kClean = 0;"));
}

TEST_F(Commit, OfATreeWithANewFileIsNotClean) {
  commit_a_file();
  put("b", "");
  EXPECT_TRUE(says("kClean = 0;"));
}

TEST_F(Commit, IsUnknownWithoutGit) {
  EXPECT_TRUE(says("kId = \"unknown\";"));
  EXPECT_TRUE(says("kClean = -1;"));
}

TEST_F(Commit, IsUnknownInAnotherProjectsTree) {
  commit_a_file();
  fs::create_directories(tree_ / "third_party");
  EXPECT_NE(written(tree_ / "third_party").find("kClean = -1;"), std::string::npos);
}

TEST_F(Commit, IsWrittenOnlyWhenItChanges) {
  commit_a_file();
  (void)written(tree_);
  const fs::path out = tree_ / "build" / "commit.hpp";
  const auto past = fs::last_write_time(out) - std::chrono::hours(1);
  fs::last_write_time(out, past);
  (void)written(tree_);
  EXPECT_EQ(fs::last_write_time(out), past);
  put("a", "2");
  (void)written(tree_);
  EXPECT_NE(fs::last_write_time(out), past);
}

}  // namespace
