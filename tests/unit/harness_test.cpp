// The harness around a timed save: what it reads, and that it leaves alone what it may not touch. No times are tested.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "harness/cache.hpp"
#include "harness/executors.hpp"
#include "harness/hiccup.hpp"
#include "harness/interrupts.hpp"
#include "harness/one_line.hpp"
#include "harness/page_faults.hpp"
#include "harness/progress.hpp"
#include "harness/suggestion.hpp"
#include "harness/whole_file.hpp"

namespace vmbsave::bench {
namespace {

int allowed_cpus(pid_t thread) {
  cpu_set_t cpus;
  return sched_getaffinity(thread, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 0;
}

// Runs `work` in a process of its own, and gives its exit code.
template <typename Work>
int exit_code_of(Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Advice, OfFilesIsNotTheHelp) {
  EXPECT_EQ(with_advice("a: cannot open: No such file or directory", "p"),
            "a: cannot open: No such file or directory; check the path");
  EXPECT_EQ(with_advice("cannot read trace a: cannot open: Permission denied", "p"),
            "cannot read trace a: cannot open: Permission denied; check the path");
  EXPECT_EQ(with_advice("cannot read trace a: line 1: expected five numbers", "p"),
            "cannot read trace a: line 1: expected five numbers; see p --help");
  EXPECT_EQ(with_advice("cannot write a/b: open: No such file or directory", "p"),
            "cannot write a/b: open: No such file or directory; its folder must exist and be writable");
  EXPECT_EQ(with_advice("cannot write a: it is there and no regular file", "p"),
            "cannot write a: it is there and no regular file; give another file");
  EXPECT_EQ(with_advice("no option '-x'", "p"), "no option '-x'; see p --help");
  EXPECT_EQ(with_advice("too much; take less", "p"), "too much; take less");
}

TEST(Interrupts, WaitForWhatHoldsThem) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "vmbsave_held_interrupt";
  std::filesystem::remove(file);
  const int code = exit_code_of([&] {
    end_on_interrupts("test");
    const HeldInterrupts outer;
    {
      const HeldInterrupts held;
      std::raise(SIGTERM);
    }
    std::ofstream(file) << "written";
    std::raise(SIGINT);  // the first one counts
  });
  EXPECT_EQ(code, 128 + SIGTERM);
  EXPECT_TRUE(std::filesystem::remove(file)) << "it ended within the outer one";
  EXPECT_EQ(exit_code_of([] {
              end_on_interrupts("test");
              {
                const HeldInterrupts held;
                std::raise(SIGTERM);
                std::raise(SIGINT);
              }
            }),
            128 + SIGTERM);
  EXPECT_EQ(exit_code_of([] {
              end_on_interrupts("test");
              std::raise(SIGINT);
            }),
            128 + SIGINT);
}

// What a program says that ends by a signal when it has kept these.
std::string said_of(const std::vector<std::string>& kept) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(exit_code_of([&] {
              end_on_interrupts("test");
              for (const std::string& file : kept) keep_when_interrupted(file);
              std::raise(SIGINT);
            }),
            128 + SIGINT);
  return testing::internal::GetCapturedStderr();
}

TEST(Interrupts, NameTheFilesThatAreKept) {
  EXPECT_EQ(said_of({}), "test: interrupted by SIGINT; nothing was written\n");
  EXPECT_EQ(said_of({"a.img", "b\n.img"}), "test: interrupted by SIGINT; kept: a.img, b?.img\n");
  const std::string many = said_of(std::vector<std::string>(1000, std::string(100, 'x')));
  EXPECT_TRUE(many.ends_with("xxx, and others\n")) << many;
}

TEST(Interrupts, TakeTheTemporaryFileAlong) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "vmbsave_interrupted";
  EXPECT_EQ(exit_code_of([&] {
              end_on_interrupts("test");
              std::ofstream(file) << "half";
              remove_when_interrupted(file.c_str());
              std::raise(SIGHUP);
            }),
            128 + SIGHUP);
  EXPECT_FALSE(std::filesystem::exists(file));
}

// The signal comes as soon as there is a temporary file.
TEST(Interrupts, LeaveAFileWholeThatIsBeingWritten) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("vmbsave_whole_" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  constexpr std::size_t kBytes = std::size_t{96} << 20;
  const pid_t child = fork();
  if (child == 0) {
    end_on_interrupts("test");
    write_file((folder / "file").string(), std::vector<std::byte>(kBytes));
    pause();
  }
  while (std::filesystem::is_empty(folder)) usleep(100);
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_EQ(entry.path().filename(), "file");
    EXPECT_EQ(entry.file_size(), kBytes);
  }
  std::filesystem::remove_all(folder);
}

TEST(ProgressLine, FitsTheTerminalAndTheBarGivesWay) {
  EXPECT_EQ(progress_line("save", 0.5, " 3/s", 40), "save  50 % [===========           ] 3/s");
  EXPECT_EQ(progress_line("save", 1, "", 200).size(), 10u + 3 + 40);
  EXPECT_EQ(progress_line("save", 0, " 12 M/s, 80 s left", 31), "save   0 % 12 M/s, 80 s left");
  for (unsigned columns = 1; columns < 100; ++columns) {
    EXPECT_LT(progress_line("instructions", 0.3, " 1.2 k/s, 12 s left", columns).size(), columns) << columns;
  }
}

TEST(Nearest, IsAWordThatMayHaveBeenMeant) {
  const std::vector<std::string> known = {"--trace", "--threads", "--out", "--inconclusive"};
  EXPECT_EQ(nearest("--tracee", known), "--trace");
  EXPECT_EQ(nearest("--thraeds", known), "--threads");
  EXPECT_EQ(nearest("--incon", known), "--inconclusive");
  EXPECT_EQ(nearest("--oot", known), "--out");
  EXPECT_EQ(nearest("--frobnicate", known), "");
  EXPECT_EQ(nearest("", known), "");
}

TEST(Hiccups, AreHeardOnOneProcessor) {
  const int before = allowed_cpus(0);
  std::atomic<pid_t> listener{0};
  std::atomic<bool> done{false};
  std::atomic<bool> seen{false};
  int after = 0;
  std::thread thread([&] {
    listener = gettid();
    (void)largest_gaps(100'000'000, 1);
    after = allowed_cpus(0);
    done = true;
    seen.wait(false);  // a thread that is gone has no processors
  });
  while (listener == 0) std::this_thread::yield();
  int fewest = before;
  while (!done) fewest = std::min(fewest, allowed_cpus(listener));
  seen = true;
  seen.notify_one();
  thread.join();
  EXPECT_EQ(fewest, 1);
  EXPECT_EQ(after, before);
}

TEST(Hiccups, HaveOneGapAWindow) {
  constexpr std::uint64_t kWindowNs = 20'000;
  const std::uint64_t start = base::now_ns();
  const std::vector<std::uint64_t> gaps = largest_gaps(kWindowNs, 50);
  const std::uint64_t all = base::now_ns() - start;
  ASSERT_EQ(gaps.size(), 50u);
  EXPECT_GE(all, 50 * kWindowNs);
  for (const std::uint64_t gap : gaps) {
    EXPECT_GT(gap, 0u);
    EXPECT_LE(gap, all);
  }
  EXPECT_TRUE(largest_gaps(kWindowNs, 0).empty());
  EXPECT_EQ(largest_gaps(0, 3).size(), 3u);
}

TEST(PageFaults, AreCounted) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  constexpr std::size_t kPages = 64;
  void* const memory = mmap(nullptr, kPages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  madvise(memory, kPages * page, MADV_NOHUGEPAGE);
  const std::uint64_t before = page_faults();
  std::memset(memory, 1, kPages * page);
  const std::uint64_t first = page_faults() - before;
  std::memset(memory, 2, kPages * page);
  EXPECT_GE(first, kPages);
  EXPECT_LT(page_faults() - before - first, kPages) << "touched before";
  munmap(memory, kPages * page);
}

// Lines beside the memory may not be mapped: a page is flushed that has none before and behind it.
TEST(Flush, TouchesOnlyTheMemoryThatItIsGiven) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* const pages = static_cast<std::byte*>(mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(pages), MAP_FAILED);
  ASSERT_EQ(mprotect(pages + page, page, PROT_READ | PROT_WRITE), 0);
  const std::span<std::byte> memory(pages + page, page);
  std::fill(memory.begin(), memory.end(), std::byte{7});
  const auto lines = [](std::span<const std::byte> span) { return flush_from_caches({&span, 1}); };
  if (lines(memory) != 0) {
    EXPECT_EQ(lines(memory), page / 64);
    EXPECT_EQ(lines(memory.subspan(1)), page / 64);
    EXPECT_EQ(lines(memory.first(1)), 1u);
    EXPECT_EQ(lines(memory.last(1)), 1u);
    EXPECT_EQ(lines(memory.subspan(63, 2)), 2u);
  }
  EXPECT_EQ(lines({}), 0u);
  EXPECT_EQ(std::count(memory.begin(), memory.end(), std::byte{7}), static_cast<std::ptrdiff_t>(page));
  munmap(pages, 3 * page);
}

TEST(Executors, AreSharedByTheRowsOfAThreadCount) {
  Executors executors;
  Executor& one = executors.with_threads(1);
  Executor& two = executors.with_threads(2);
  EXPECT_EQ(one.concurrency(), 1u);
  EXPECT_EQ(two.concurrency(), std::min(2u, available_cpus()));
  EXPECT_EQ(&executors.with_threads(1), &one);
  EXPECT_EQ(&executors.with_threads(2), &two);
  EXPECT_EQ(Executors::name_of(1), "serial");
}

TEST(WholeFile, IsWholeOrNotThere) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "whole_file_test";
  const std::vector<std::byte> bytes(100'000, std::byte{7});
  write_file(path, bytes);
  EXPECT_EQ(std::filesystem::file_size(path), bytes.size());
  write_file(path, std::span(bytes).first(10));
  EXPECT_EQ(std::filesystem::file_size(path), 10u);
  const std::filesystem::path link = path.string() + ".link";
  std::filesystem::create_symlink(path, link);
  write_file(link, bytes);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(std::filesystem::file_size(path), bytes.size());
  std::filesystem::remove(link);
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  write_file(path, bytes);
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("nothing", link);
  EXPECT_THROW(write_file(link, bytes), std::runtime_error);
  EXPECT_TRUE(std::filesystem::is_symlink(link)) << "a link to nothing stays";
  std::filesystem::remove(link);
  EXPECT_THROW(write_file("/dev/stdout", bytes), std::runtime_error);
  EXPECT_THROW(write_file(testing::TempDir(), bytes), std::runtime_error) << "no regular file";
  EXPECT_THROW(write_file("/nonexistent/folder/image", bytes), std::runtime_error);
}

// Whatever lies beside the file is somebody else's, also under a name that a temporary file could have.
TEST(WholeFile, TouchesNothingBesideIt) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(testing::TempDir()) / "whole_file_beside";
  fs::remove_all(folder);
  fs::create_directory(folder);
  const auto text_of = [](const fs::path& path) {
    std::ifstream file(path);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  };
  std::ofstream(folder / "image.partial") << "mine";
  std::ofstream(folder / "other") << "theirs";
  ASSERT_EQ(mkfifo((folder / "second.partial").c_str(), 0600), 0);
  fs::create_symlink("other", folder / "third.partial");
  const std::string longest(255, 'n');
  for (const std::string& name : {std::string("image"), std::string("second"), std::string("third"), longest}) {
    write_file(folder / name, std::vector<std::byte>(10, std::byte{7}));
    EXPECT_EQ(fs::file_size(folder / name), 10u);
  }
  EXPECT_EQ(text_of(folder / "image.partial"), "mine");
  EXPECT_EQ(text_of(folder / "other"), "theirs");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 8);
  fs::remove_all(folder);
}

// Each reader sees one writer's whole file.
TEST(WholeFile, IsOneWritersWhole) {
  const std::string path = testing::TempDir() + "whole_file_writers";
  const auto write = [&](std::byte letter) {
    const std::vector<std::byte> bytes(200'000, letter);
    for (int i = 0; i < 100; ++i) write_file(path, bytes);
  };
  std::thread one(write, std::byte{'1'});
  std::thread two(write, std::byte{'2'});
  for (int i = 0; i < 200; ++i) {
    std::ifstream file(path, std::ios::binary);
    const std::string seen((std::istreambuf_iterator<char>(file)), {});
    if (seen.empty()) continue;  // not there yet
    ASSERT_EQ(seen, std::string(200'000, seen[0]));
  }
  one.join();
  two.join();
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace vmbsave::bench
