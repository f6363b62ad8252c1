// How many processors a process may use: masks, and cgroups of both versions, from file trees made here.
#include "exec/cpus.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "exec/cgroup_quota.hpp"
#include "unit/processes.hpp"
#include "unit/vsp_fixture.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::exec {
namespace {

namespace fs = std::filesystem;

bool write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return !file.fail();
}

// The files of a machine, below a temporary directory.
class Machine {
 public:
  Machine() {
    std::string name = fs::temp_directory_path() / "vmbsave-cpus-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    root_ = name;
  }
  ~Machine() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  Machine& file(const std::string& path, const std::string& text) {
    fs::create_directories((root_ + path).substr(0, (root_ + path).rfind('/')));
    EXPECT_TRUE(write_file(root_ + path, text)) << path;
    return *this;
  }
  Machine& cgroup(const std::string& text) { return file("/proc/self/cgroup", text); }
  Machine& mounts(const std::string& text) { return file("/proc/self/mountinfo", text); }

  // cpu.max, or the two files of version 1.
  Machine& v2(const std::string& directory, const std::string& text) { return file(directory + "/cpu.max", text); }
  Machine& v1(const std::string& directory, const std::string& quota, const std::string& period = "100000\n") {
    return file(directory + "/cpu.cfs_quota_us", quota).file(directory + "/cpu.cfs_period_us", period);
  }

  std::optional<double> quota() const { return cgroup_quota(root_); }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

const char* const kV2Mount = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
const char* const kV1Mount = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";

Machine& in_v2(Machine& machine, const std::string& path) {
  return machine.cgroup("0::" + path + "\n").mounts(kV2Mount);
}

unsigned usable(unsigned affinity, std::optional<double> quota) {
  return CpuLimits{.affinity = affinity, .quota = quota}.usable();
}

TEST(Cpus, PartsOfAProcessorCountAsOne) {
  EXPECT_EQ(usable(8, std::nullopt), 8u);
  EXPECT_EQ(usable(8, 0.5), 1u);
  EXPECT_EQ(usable(8, 0.00001), 1u);
  EXPECT_EQ(usable(8, 1.0), 1u);
  EXPECT_EQ(usable(8, 1.5), 2u);
  EXPECT_EQ(usable(8, 3.0), 3u);
  EXPECT_EQ(usable(8, 7.01), 8u);
  EXPECT_EQ(usable(8, 8.0), 8u);
  EXPECT_EQ(usable(8, 1e300), 8u);
  EXPECT_EQ(usable(1, 4.0), 1u);
  EXPECT_EQ(usable(0, std::nullopt), 1u);
}

TEST(Cpus, QuotaOfVersionTwo) {
  const std::pair<const char*, std::optional<double>> cases[] = {
      {"50000 100000\n", 0.5}, {"150000 100000\n", 1.5}, {"300000 100000", 3.0}, {"max 100000\n", std::nullopt}};
  for (const auto& [text, quota] : cases) {
    Machine machine;
    EXPECT_EQ(in_v2(machine, "/vsp").v2("/sys/fs/cgroup/vsp", text).quota(), quota) << text;
  }
}

TEST(Cpus, DamagedQuotaIsNone) {
  for (const char* text :
       {"", "\n", "max", "50000", "50000 ", " 50000 100000", "50000 0", "0 100000", "-1 100000", "x 100000", "50000 -5",
        "50000 100000 7", "5e4 100000", "50000 100000x", "99999999999999999999 100000", "50000 99999999999999999999",
        "50000\t100000", "+50000 100000"}) {
    Machine machine;
    EXPECT_EQ(in_v2(machine, "/vsp").v2("/sys/fs/cgroup/vsp", text).quota(), std::nullopt) << '"' << text << '"';
  }
  for (const char* text :
       {"", "\n", "max", "50000 ", " 50000", "0", "-1", "x", "5e4", "50000x", "99999999999999999999", "+50000"}) {
    Machine machine;
    machine.cgroup("1:cpu:/vsp\n").mounts(kV1Mount).v1("/sys/fs/cgroup/cpu,cpuacct/vsp", text);
    EXPECT_EQ(machine.quota(), std::nullopt) << '"' << text << '"';
    machine.v1("/sys/fs/cgroup/cpu,cpuacct/vsp", "50000\n", text);
    EXPECT_EQ(machine.quota(), std::nullopt) << '"' << text << '"';
  }
}

TEST(Cpus, SmallestOfAllLevelsCounts) {
  for (const char* tight : {"", "/a", "/a/b", "/a/b/c"}) {
    Machine machine;
    in_v2(machine, "/a/b/c").v2("/sys/fs/cgroup/a", "800000 100000").v2("/sys/fs/cgroup/a/b", "max 100000");
    machine.v2("/sys/fs/cgroup/a/b/c", "700000 100000").v2("/sys/fs/cgroup/a/x", "1 100000");
    EXPECT_EQ(machine.quota(), 7.0);
    machine.v2(std::string("/sys/fs/cgroup") + tight, "20000 10000");
    EXPECT_EQ(machine.quota(), 2.0) << tight;
  }
}

TEST(Cpus, LevelWithoutFileIsNoLimit) {
  Machine machine;
  in_v2(machine, "/a/b").v2("/sys/fs/cgroup/a", "250000 100000");
  EXPECT_EQ(machine.quota(), 2.5);
  Machine gone;
  in_v2(gone, "/a/b (deleted)").v2("/sys/fs/cgroup/a", "250000 100000");
  EXPECT_EQ(gone.quota(), 2.5);
}

TEST(Cpus, QuotaOfVersionOne) {
  Machine machine;
  machine.cgroup("4:memory:/m\n2:cpu,cpuacct:/a/b\n").mounts(kV1Mount);
  EXPECT_EQ(machine.quota(), std::nullopt);
  machine.v1("/sys/fs/cgroup/cpu,cpuacct", "-1\n").v1("/sys/fs/cgroup/cpu,cpuacct/a/b", "-1\n");
  EXPECT_EQ(machine.quota(), std::nullopt);
  machine.v1("/sys/fs/cgroup/cpu,cpuacct/a", "150000\n", "50000\n");
  EXPECT_EQ(machine.quota(), 3.0);
  machine.v1("/sys/fs/cgroup/cpu,cpuacct/a/b", "50000\n");
  EXPECT_EQ(machine.quota(), 0.5);
}

// Each controller of version 1 in a hierarchy of its own, version 2 beside them without controllers.
TEST(Cpus, MixedHierarchies) {
  Machine machine;
  machine.cgroup("9:name=systemd:/s\n4:cpu:/c\n3:cpuset:/x\n2:cpuacct:/x\n0::/u\n")
      .mounts(
          "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
          "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
          "33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n"
          "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
          "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
  for (const char* other : {"/cpuacct/x", "/cpuacct/c", "/cpuset/x", "/cpuset/c", "/cpu/x", "/cpu/u", "/cpu/s"}) {
    machine.v1(std::string("/sys/fs/cgroup") + other, "10000\n");
  }
  machine.v2("/sys/fs/cgroup/unified/c", "10000 100000");
  EXPECT_EQ(machine.quota(), std::nullopt);
  machine.v1("/sys/fs/cgroup/cpu/c", "400000\n");
  EXPECT_EQ(machine.quota(), 4.0);
  machine.v2("/sys/fs/cgroup/unified/u", "200000 100000");
  EXPECT_EQ(machine.quota(), 2.0);
}

TEST(Cpus, SpacesAndColonsInPaths) {
  Machine machine;
  machine.cgroup("0::/machine.slice/my vm: \\040 one\n")
      .mounts("31 23 0:28 / /mnt/control\\040groups\\134x rw master:1 propagate_from:2 - cgroup2 none rw\n")
      .v2("/mnt/control groups\\x/machine.slice/my vm: \\040 one", "50000 100000");
  EXPECT_EQ(machine.quota(), 0.5);
}

// A container that sees its own part of the hierarchy only, by its full path.
TEST(Cpus, MountOfAPartOfTheHierarchy) {
  Machine machine;
  machine.mounts("31 23 0:28 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n")
      .v2("/sys/fs/cgroup", "600000 100000");
  machine.v2("/sys/fs/cgroup/in", "500000 100000").v2("/sys/fs/cgroup/docker/1f", "100000 100000");
  EXPECT_EQ(machine.cgroup("0::/docker/1f\n").quota(), 6.0);
  EXPECT_EQ(machine.cgroup("0::/docker/1f/in\n").quota(), 5.0);
  EXPECT_EQ(machine.cgroup("0::/docker/1f2/in\n").quota(), std::nullopt) << "not below the mount's root";
  EXPECT_EQ(machine.cgroup("0::/docker\n").quota(), std::nullopt);
  machine.mounts(
      "31 23 0:28 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
      "32 23 0:28 / /mnt/all ro - cgroup2 cgroup2 rw\n");
  machine.v2("/mnt/all/docker/1f2", "300000 100000");
  EXPECT_EQ(machine.cgroup("0::/docker/1f2/in\n").quota(), 3.0) << "the other mount shows it";
  machine.mounts(kV2Mount);
  EXPECT_EQ(machine.cgroup("0::/../in\n").quota(), std::nullopt) << "above the namespace's root";
  EXPECT_EQ(machine.cgroup("0::/in/..\n").quota(), std::nullopt);
  EXPECT_EQ(machine.cgroup("0::/\n").quota(), 6.0);
}

TEST(Cpus, MissingFilesAreNoLimit) {
  Machine machine;
  EXPECT_EQ(machine.quota(), std::nullopt);
  machine.v2("/sys/fs/cgroup/vsp", "50000 100000").cgroup("0::/vsp\n");
  EXPECT_EQ(machine.quota(), std::nullopt);
  machine.mounts(kV2Mount);
  EXPECT_EQ(machine.quota(), 0.5);
  fs::remove(machine.root() + "/proc/self/cgroup");
  EXPECT_EQ(machine.quota(), std::nullopt);
}

TEST(Cpus, DamagedListsAreNoLimit) {
  Machine machine;
  machine.v2("/sys/fs/cgroup/vsp", "50000 100000").mounts(kV2Mount);
  for (const char* text : {"", "\n", ":", "::", "0", "0:", "0::", "0:/vsp", "0:cpu:/vsp\n", "::vsp", "0::vsp\n"}) {
    EXPECT_EQ(machine.cgroup(text).quota(), std::nullopt) << '"' << text << '"';
  }
  machine.cgroup("0::/vsp\n");
  for (const char* text : {"", "\n", "-", " - ", "31 23 0:28 / /sys/fs/cgroup rw", "31 23 0:28 / /sys/fs/cgroup rw -",
                           "31 23 0:28 / /sys/fs/cgroup rw - cgroup2", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 none",
                           "31 23 0:28 / - cgroup2 none rw", "- cgroup2 none rw", "- - - - - - - cgroup2",
                           "31 23 0:28 / \\ rw - cgroup2 none rw", "31 23 0:28 / /sys/fs\\05 rw - cgroup2 none rw",
                           "31 23 0:28 / /\\999 rw - cgroup2 none rw"}) {
    EXPECT_EQ(machine.mounts(text).quota(), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(machine.mounts(std::string("garbage\n\n- - -\n") + kV2Mount).quota(), 0.5);
}

// A kernel for 8,192 processors, of which the process has 5,000.
int large_mask(pid_t, std::size_t bytes, cpu_set_t* mask) {
  if (bytes * 8 < 8192) {
    errno = EINVAL;
    return -1;
  }
  for (std::size_t cpu = 0; cpu < 5000; ++cpu) CPU_SET_S(cpu, bytes, mask);
  return 0;
}

int refused(int error) {
  errno = error;
  return -1;
}

TEST(Cpus, MasksLargerThanTheUsualOne) { EXPECT_EQ(affinity_count(large_mask), 5000u); }

TEST(Cpus, NoMaskIsAtLeastOneProcessor) {
  EXPECT_GE(affinity_count([](pid_t, std::size_t, cpu_set_t*) { return refused(EINVAL); }), 1u);
  EXPECT_GE(affinity_count([](pid_t, std::size_t, cpu_set_t*) { return refused(EPERM); }), 1u);
  EXPECT_EQ(affinity_count([](pid_t, std::size_t, cpu_set_t*) { return 0; }), 1u);
}

TEST(Cpus, OfThisProcess) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
  const CpuLimits limits = cpu_limits();
  EXPECT_EQ(limits.affinity, static_cast<unsigned>(CPU_COUNT(&mask)));
  EXPECT_EQ(available_cpus(), limits.usable());
  EXPECT_GE(available_cpus(), 1u);
  EXPECT_EQ(threads_for(0), available_cpus());
  EXPECT_EQ(threads_for(1), 1u);
  EXPECT_EQ(threads_for(1'000'000), available_cpus());
}

// A child cgroup of this process's own, with half a processor; empty if the system does not let us make one.
class HalfACpu {
 public:
  HalfACpu() {
    for (const Cgroup& own : cgroups("", "cpu")) {
      directory_ = own.directory + "/vmbsave-test-" + std::to_string(getpid());
      std::error_code error;
      if (!fs::create_directory(directory_, error)) continue;
      if (write_file(directory_ + (own.v2 ? "/cpu.max" : "/cpu.cfs_quota_us"), own.v2 ? "50000 100000" : "50000"))
        return;
      rmdir(directory_.c_str());
    }
    directory_.clear();
  }
  ~HalfACpu() {
    if (!directory_.empty()) rmdir(directory_.c_str());
  }
  bool exists() const { return !directory_.empty(); }
  bool enter() const { return write_file(directory_ + "/cgroup.procs", std::to_string(getpid())); }

 private:
  std::string directory_;
};

TEST(Cpus, QuotaOfARealCgroup) {
  constexpr int kCannotEnter = 77;
  const HalfACpu cgroup;
  if (!cgroup.exists()) GTEST_SKIP() << "no writable cgroup with the cpu controller";
  const int result = test::in_child([&] {
    if (!cgroup.enter()) return kCannotEnter;
    if (cpu_limits().quota != 0.5) return 1;
    if (available_cpus() != 1) return 2;
    const auto executor = make_executor(4);
    if (executor->concurrency() != 1) return 3;
    test::TestVm vm(2, {.concurrent_callbacks = true});
    for (std::uint64_t id = 0; id < 3000; ++id) vm[id % 2].receive(id, 100);
    const std::size_t saved = test::save_packets(vm, executor.get()).size();
    vm.session.end(EndMode::kResume);
    return saved == 3000 && !testing::Test::HasFailure() ? 0 : 4;
  });
  if (result == kCannotEnter) GTEST_SKIP() << "the system does not let a process move to a cgroup of its own";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace vmbsave::exec
