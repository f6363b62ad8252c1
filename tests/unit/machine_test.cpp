// What a result says of its machine: read from made-up /proc and /sys trees.
#include "report/machine.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "json_schema.hpp"
#include "report/build_info.hpp"
#include "report/system_files.hpp"

namespace vmbsave::report {
namespace {

namespace fs = std::filesystem;

class Machine : public testing::Test {
 protected:
  Machine() { fs::remove_all(root_); }
  ~Machine() override { fs::remove_all(root_); }

  void put(const std::string& file, const std::string& text) const {
    const fs::path path = root_ / file;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  nlohmann::ordered_json read() const { return machine_json(root_); }

  const fs::path root_ = fs::path(testing::TempDir()) /
                         (std::string("machine_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(Machine, WithoutFilesIsNullThroughout) {
  const auto json = read();
  EXPECT_EQ(json.size(), 14u);
  for (const auto& [key, value] : json.items()) EXPECT_TRUE(value.is_null()) << key;
  EXPECT_EQ(available_memory(root_), std::nullopt);
}

TEST_F(Machine, IsReadFromItsFiles) {
  put("proc/cpuinfo",
      "processor\t: 0\nmodel name\t: Fast CPU 3000\nflags\t\t: fpu hypervisor_not\n\n"
      "processor\t: 1\nmodel name\t: Other\n");
  put("proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:    1024 kB\n");
  put("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
  put("proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,6\n");
  put("sys/devices/system/cpu/online", "0-7\n");
  put("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
  put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
  const auto json = read();
  EXPECT_EQ(json.at("cpu"), "Fast CPU 3000");
  EXPECT_EQ(json.at("cpus_online"), 8);
  EXPECT_EQ(json.at("cpus_allowed"), 5);
  EXPECT_EQ(json.at("memory_bytes"), std::uint64_t{16384000} * 1024);
  EXPECT_EQ(json.at("kernel"), "6.1.0-18-amd64");
  EXPECT_EQ(json.at("hypervisor"), nullptr);
  EXPECT_EQ(json.at("clock_source"), "tsc");
  EXPECT_EQ(json.at("thp"), "madvise");
  EXPECT_EQ(json.at("governor"), "performance");
  EXPECT_EQ(available_memory(root_), 1024u * 1024);
}

TEST_F(Machine, NamesTheFileSystemOfTemporaryFiles) {
  struct stat there {};
  ASSERT_EQ(stat(fs::temp_directory_path().c_str(), &there), 0);
  const std::string device = std::to_string(major(there.st_dev)) + ":" + std::to_string(minor(there.st_dev));
  put("proc/self/mountinfo", "30 23 " + device + "1 / /other rw - ext2 /dev/x rw\n" +  //
                                 "31 23 " + device + " / / rw,noatime shared:1 - xfs /dev/y rw\n");
  EXPECT_EQ(read().at("temporary_files"), "xfs");
}

TEST_F(Machine, ACgroupLeavesLessMemory) {
  put("proc/meminfo", "MemAvailable:    1024 kB\n");
  put("proc/self/cgroup", "0::/box\n");
  put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  put("sys/fs/cgroup/box/memory.max", "max\n");
  put("sys/fs/cgroup/box/memory.current", "100\n");
  EXPECT_EQ(available_memory(root_), 1024u * 1024);
  put("sys/fs/cgroup/box/memory.max", "5000\n");
  EXPECT_EQ(available_memory(root_), 4900u);
  put("sys/fs/cgroup/box/memory.current", "6000\n");
  EXPECT_EQ(available_memory(root_), 0u);
  put("proc/self/cgroup", "4:memory:/old\n");
  put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  put("sys/fs/cgroup/memory/old/memory.limit_in_bytes", "9000\n");
  put("sys/fs/cgroup/memory/old/memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(available_memory(root_), 8000u);
}

TEST_F(Machine, CachesAreThoseOfData) {
  const std::string cache = "sys/devices/system/cpu/cpu0/cache/index";
  const char* const caches[][3] = {
      {"1", "Instruction", "64K"}, {"1", "Data", "32K"}, {"2", "Unified", "512K"}, {"3", "Unified", "16M"}};
  for (int i = 0; i < 4; ++i) {
    const std::string index = cache + std::to_string(i);
    put(index + "/level", caches[i][0]);
    put(index + "/type", caches[i][1]);
    put(index + "/size", caches[i][2]);
  }
  const auto json = read();
  EXPECT_EQ(json.at("l1d_bytes"), 32 << 10);
  EXPECT_EQ(json.at("l2_bytes"), 512 << 10);
  EXPECT_EQ(json.at("l3_bytes"), 16 << 20);
}

TEST_F(Machine, HypervisorIsFoundInThreePlaces) {
  put("proc/cpuinfo", "flags : fpu hypervisor lahf_lm\n");
  EXPECT_EQ(read().at("hypervisor"), "unnamed");
  put("sys/class/dmi/id/sys_vendor", "Some Cloud\n");
  put("sys/class/dmi/id/product_name", "m5.large\n");
  EXPECT_EQ(read().at("hypervisor"), "Some Cloud m5.large");
  put("sys/hypervisor/type", "xen\n");
  EXPECT_EQ(read().at("hypervisor"), "xen");
}

TEST_F(Machine, MakersOfRealMachinesAreNoHypervisors) {
  put("proc/cpuinfo", "flags : fpu\n");
  put("sys/class/dmi/id/sys_vendor", "Dell Inc.\n");
  put("sys/class/dmi/id/product_name", "PowerEdge R740\n");
  EXPECT_EQ(read().at("hypervisor"), nullptr);
  put("sys/class/dmi/id/sys_vendor", "QEMU\n");
  EXPECT_EQ(read().at("hypervisor"), "QEMU PowerEdge R740") << "no processor flag outside x86";
}

TEST_F(Machine, OddFilesAreNull) {
  put("proc/meminfo", "MemTotal: lots\n");
  put("sys/devices/system/cpu/online", "0-\n");
  put("sys/kernel/mm/transparent_hugepage/enabled", "always\n");
  put("proc/self/status", "Cpus_allowed_list:\t\n");
  const auto json = read();
  for (const char* const key : {"memory_bytes", "cpus_online", "thp", "cpus_allowed"}) {
    EXPECT_EQ(json.at(key), nullptr) << key;
  }
}

TEST_F(Machine, QuotaIsThatOfTheCgroups) {
  put("proc/self/cgroup", "0::/a\n");
  put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(read().at("cpu_quota"), nullptr);
  put("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(read().at("cpu_quota"), 1.5);
}

TEST(SystemFiles, ListsOfCpusAreCounted) {
  EXPECT_EQ(cpus_in_list("0"), 1u);
  EXPECT_EQ(cpus_in_list("0-3,8,10-11"), 7u);
  for (const char* const bad : {"", "x", "3-1", "0-", "1;2", "-1"}) {
    EXPECT_EQ(cpus_in_list(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(cpus_in_list(std::nullopt), std::nullopt);
}

// This machine and this build: whatever they are, the schema holds.
TEST(Context, IsWhatTheSchemaSays) {
  const fs::path schema = VMBSAVE_SCHEMAS "/context.schema.json";
  nlohmann::ordered_json context;
  add_context(context);
  ASSERT_EQ(context.size(), 5u);
  for (const auto& [key, value] : context.items()) {
    tests::Schema(schema, "/$defs/" + key).expect_matches(nlohmann::json(value));
  }
  EXPECT_EQ(context.at("build").at("check_level"), VMBSAVE_CHECK);
  EXPECT_TRUE(context.at("machine").at("cpus_online").is_number_integer());
}

}  // namespace
}  // namespace vmbsave::report
