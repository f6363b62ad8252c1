// Arrays of any length: in memory, in a file, and when there is no room for that.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <random>

#include "trace/spool_sort.hpp"
#include "trace_files.hpp"
#include "unit/processes.hpp"

namespace vmbsave::trace::test {
namespace {

/// Sets how much of a spool lies in memory, and where the rest goes, for one test.
class SpoolPlace {
 public:
  explicit SpoolPlace(std::size_t memory, std::optional<std::string> folder = std::nullopt)
      : memory_(set_spool_memory(memory)) {
    if (const char* const before = std::getenv("TMPDIR")) folder_ = before;
    if (folder) setenv("TMPDIR", folder->c_str(), 1);
  }
  ~SpoolPlace() {
    set_spool_memory(memory_);
    folder_ ? setenv("TMPDIR", folder_->c_str(), 1) : unsetenv("TMPDIR");
  }

 private:
  std::size_t memory_;
  std::optional<std::string> folder_;
};

Spool<std::uint64_t> numbers(std::uint64_t count) {
  Spool<std::uint64_t> spool;
  for (std::uint64_t i = 0; i < count; ++i) spool.push_back(i);
  return spool;
}

void expect_numbers(const Spool<std::uint64_t>& spool, std::uint64_t count) {
  ASSERT_EQ(spool.size(), count);
  for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(spool[i], i);
}

// How many files of spools are mapped in this process.
std::ptrdiff_t mapped_files() {
  std::ifstream maps("/proc/self/maps");
  std::ptrdiff_t files = 0;
  for (std::string line; std::getline(maps, line);) files += line.find("/vmbsave-spool-") != std::string::npos;
  return files;
}

std::string spool_error(std::uint64_t count) {
  try {
    numbers(count);
  } catch (const SpoolError& error) {
    return error.what();
  }
  return "";
}

TEST(Spool, FewRecordsNeedNoFile) {
  const SpoolPlace place(1 << 20, "/no/such/folder");
  const Spool<std::uint64_t> spool = numbers((1 << 20) / sizeof(std::uint64_t));
  expect_numbers(spool, 131'072);
  EXPECT_EQ(mapped_files(), 0);
  EXPECT_TRUE(Spool<int>().empty());
}

TEST(Spool, MoreLieInAFileThatNobodySees) {
  const Scratch scratch;
  const SpoolPlace place(8192, scratch.path().string());
  {
    const Spool<std::uint64_t> spool = numbers(1'000'000);
    expect_numbers(spool, 1'000'000);
    EXPECT_EQ(mapped_files(), 1);
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
  }
  EXPECT_EQ(mapped_files(), 0);
}

TEST(Spool, AnEmptyTmpdirIsNone) {
  const SpoolPlace place(0, "");
  expect_numbers(numbers(10), 10);
}

TEST(Spool, MovesWithItsRecords) {
  const SpoolPlace place(8192);
  for (const std::uint64_t count : {10U, 10'000U}) {
    Spool<std::uint64_t> from = numbers(count);
    Spool<std::uint64_t> to = numbers(3);
    to = std::move(from);
    expect_numbers(to, count);
    to.push_back(to.front());
    EXPECT_EQ(to.back(), 0U);
    to.clear();
    EXPECT_TRUE(to.empty());
  }
}

TEST(Spool, ARecordOfItsOwnIsAppendedWhole) {
  const SpoolPlace place(8192);
  Spool<std::uint64_t> spool = numbers(1);
  spool[0] = 7;
  for (unsigned i = 0; i < 100'000; ++i) spool.push_back(spool.front());
  EXPECT_EQ(std::count(spool.begin(), spool.end(), 7U), 100'001);
}

TEST(Spool, AFolderThatIsNotThereIsNamed) {
  const SpoolPlace place(8192, "/no/such\nfolder");
  EXPECT_EQ(spool_error(1024), "");
  EXPECT_EQ(spool_error(1025),
            "more requests than fit into memory: cannot make a file in /no/such?folder: No such file or directory; "
            "give a folder with room as TMPDIR");
}

TEST(Spool, AReaderNamesItsTraceToo) {
  const Scratch scratch;
  const SpoolPlace place(0, "/no/such/folder");
  expect_error(scratch.write("trace", Vscsi{}.v1()), {"cannot make a file in /no/such/folder", "TMPDIR"});
}

// In a child: a file system of one MiB, on which nothing else lies.
enum Full : int { kRefused, kNotRefused, kCannotMount };

int fill(const std::string& folder) {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return kCannotMount;
  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=1m") != 0) return kCannotMount;
  const SpoolPlace place(8192, folder);
  const std::string error = spool_error(1 << 20);
  const bool named = error.find("no room for ") != std::string::npos && error.find(folder) != std::string::npos &&
                     error.find("No space left on device; give a folder with room as TMPDIR") != std::string::npos;
  return named ? kRefused : kNotRefused;
}

TEST(Spool, AFullDiskIsAnErrorAndNoSignal) {
  const Scratch scratch;
  const int outcome = vmbsave::test::in_child([&] { return fill(scratch.path().string()); });
  if (outcome == kCannotMount) GTEST_SKIP() << "no small file system may be mounted here";
  EXPECT_EQ(outcome, kRefused);
}

struct Timed {
  std::uint32_t time;
  std::uint32_t number;
  bool operator==(const Timed&) const = default;
};

bool is_earlier(const Timed& a, const Timed& b) { return a.time < b.time; }

// More than two of the runs that are merged, and not a whole number of them; few times, so that many are equal.
TEST(Spool, SortsAnyNumberAndKeepsTheOrderOfEqualOnes) {
  const SpoolPlace place(65'536);
  for (const std::uint32_t count : {0U, 1U, 2U, 65'536U, 65'537U, 200'001U, 300'000U}) {
    std::mt19937 random(count);
    Spool<Timed> spool;
    for (std::uint32_t i = 0; i < count; ++i) spool.push_back({static_cast<std::uint32_t>(random() % 1000), i});
    std::vector<Timed> expected(spool.begin(), spool.end());
    std::stable_sort(expected.begin(), expected.end(), is_earlier);
    sort_stably(spool, is_earlier);
    EXPECT_TRUE(std::equal(spool.begin(), spool.end(), expected.begin(), expected.end())) << count;
  }
}

TEST(Spool, WhatIsInOrderNeedsNoRoomToSort) {
  Spool<Timed> spool;
  for (std::uint32_t i = 0; i < 200'000; ++i) spool.push_back({i / 2, i});
  const SpoolPlace place(0, "/no/such/folder");
  sort_stably(spool, is_earlier);
  EXPECT_EQ(spool.back(), (Timed{99'999, 199'999}));
  std::swap(spool.front(), spool.back());
  EXPECT_THROW(sort_stably(spool, is_earlier), SpoolError);
}

}  // namespace
}  // namespace vmbsave::trace::test
