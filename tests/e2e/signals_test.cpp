// Ctrl-C and SIGTERM: one line, 128 and the signal's number, and no file that is not whole.
#include <gtest/gtest.h>

#include <algorithm>

#include "e2e/child.hpp"
#include "e2e/in_a_folder.hpp"

namespace vmbsave::tests {
namespace {

class Signals : public InAFolder {
 protected:
  // How many files there are in the folder, of any name.
  std::size_t files() const {
    const auto all = std::filesystem::recursive_directory_iterator(folder_);
    return static_cast<std::size_t>(
        std::count_if(begin(all), end(all), [](const auto& entry) { return entry.is_regular_file(); }));
  }

  void expect_ended(const std::vector<std::string>& words, const std::string& program, int number, unsigned after_ms) {
    Child child = Child::on_pipe(words, {"TMPDIR=" + folder_.string()});
    child.await_handler(program);
    usleep(after_ms * 1'000);
    child.signal(number);
    const std::string text = child.await();
    EXPECT_EQ(child.exit_code(), 128 + number) << words[1] << "\n" << text;
    const std::string name = number == SIGINT ? "SIGINT" : "SIGTERM";
    const std::string line = ": interrupted by " + name + "; nothing was written\n";
    EXPECT_NE(text.find(line), std::string::npos) << text;
    EXPECT_EQ(text.find(line), text.rfind(line)) << "once: " << text;
    EXPECT_EQ(files(), 0u) << words[1] << " after " << after_ms << " ms";
  }
};

TEST_F(Signals, EndAReplayWithoutAFile) {
  for (const unsigned after_ms : {0u, 30u, 100u}) {
    expect_ended({VMBSAVE_TOOL, "replay", "--profile", "cloudphysics", "--repeat", "10000000", "--out", path("out")},
                 "vmbsave", after_ms == 30 ? SIGINT : SIGTERM, after_ms);
  }
}

// The image is there before the saves that are timed have come to their end.
TEST_F(Signals, SayWhichFilesAreKept) {
  const std::string image = path("peak.img");
  Child child = Child::on_pipe({VMBSAVE_TOOL, "replay", "--profile", "cloudphysics", "--repeat", "10000000", "--image",
                                image, "--out", path("out")});
  for (int i = 0; i < 30'000 && !std::filesystem::exists(image); ++i) usleep(1'000);
  child.signal(SIGINT);
  EXPECT_EQ(child.await(), "vmbsave replay: interrupted by SIGINT; kept: " + image + "\n");
  EXPECT_EQ(files(), 1u);
}

// In the middle of their being written, too: what is there is whole.
TEST_F(Signals, LeaveNoTemporaryFileOfImages) {
  for (unsigned after_ms = 0; after_ms < 60; after_ms += 6) {
    Child child = Child::on_pipe({VMBSAVE_TOOL, "replay", "--profile", "cloudphysics", "--repeat", "1", "--replicate",
                                  "64", "--image", path("image"), "--out", path("out")});
    child.await_handler("vmbsave");
    usleep(after_ms * 1'000);
    child.signal(SIGINT);
    (void)child.await();
    EXPECT_TRUE(child.exit_code() == 130 || child.exit_code() == 0) << child.exit_code();
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      EXPECT_EQ(entry.path().string().find(".vmbsave-"), std::string::npos) << entry.path();
      std::filesystem::remove(entry.path());
    }
  }
}

TEST_F(Signals, EndACheckAndItsChild) {
  expect_ended({VMBSAVE_TOOL, "check", "blob", "--packets", "100000", "--junit", path("junit"), "--out", path("out")},
               "vmbsave", SIGINT, 100);
}

TEST_F(Signals, EndTheBenchWithoutAFile) {
  expect_ended({VMBSAVE_TOOL, "bench", "--suite=quick", "--out=" + path("out"), "--benchmark_out=" + path("other")},
               "vmbsave-bench", SIGTERM, 200);
  for (const unsigned after_ms : {300u, 700u, 1'300u}) {
    expect_ended({VMBSAVE_TOOL, "bench", "--suite=image", "--out=" + path("out")}, "vmbsave-bench", SIGINT, after_ms);
  }
}

// As under nohup.
TEST_F(Signals, ThatWereIgnoredStayIgnored) {
  Child child = Child::on_pipe(
      {"/bin/sh", "-c", "trap '' INT; exec \"$0\" replay --profile cloudphysics --repeat 3000", VMBSAVE_TOOL});
  child.await_handler("vmbsave");
  child.signal(SIGINT);
  (void)child.await();
  EXPECT_EQ(child.exit_code(), 0);
}

}  // namespace
}  // namespace vmbsave::tests
