// What the doctor says of made-up machines and builds.
#include "report/doctor.hpp"

#include <gtest/gtest.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "json_schema.hpp"
#include "report/build_info.hpp"

namespace vmbsave::report {
namespace {

namespace fs = std::filesystem;

const std::string kCpus = "sys/devices/system/cpu/";
const std::string kClock = "sys/devices/system/clocksource/clocksource0/current_clocksource";

// Four processors of its own, and a build to measure with; each test changes one thing.
class Doctor : public testing::Test {
 protected:
  Doctor() {
    fs::remove_all(root_);
    put(kClock, "tsc\n");
    put(kCpus + "online", "0-3\n");
    put(kCpus + "smt/active", "0\n");
    put(kCpus + "cpu0/cpufreq/scaling_governor", "performance\n");
    put("proc/self/status", "CapEff:\t0000000000000000\nCpus_allowed_list:\t0-3\n");
    put("proc/self/cgroup", "0::/a\n");
    put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("proc/loadavg", "0.10 3.00 3.00 1/90 4711\n");
    put("proc/stat", "cpu  100 0 100 9800 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
    put("proc/pressure/cpu", "some avg10=0.50 avg60=9.00 avg300=9.00 total=1\n");
    put("proc/pressure/memory", "some avg10=0.00 avg60=9.00 avg300=9.00 total=1\n");
    put("proc/sys/kernel/randomize_va_space", "2\n");
    put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  }
  ~Doctor() override { fs::remove_all(root_); }

  void put(const std::string& file, const std::string& text) const {
    const fs::path path = root_ / file;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  Finding find(const std::string& name) const {
    for (const Finding& finding : doctor(process_, root_)) {
      if (finding.name == name) return finding;
    }
    ADD_FAILURE() << "no finding " << name;
    return {};
  }

  // Its level and what it found; what is not well has an effect and a fix, and nothing else is not well.
  void expect(const std::string& name, Level level, const std::string& found) const {
    for (const Finding& finding : doctor(process_, root_)) {
      const bool is_meant = finding.name == name;
      EXPECT_EQ(finding.level, is_meant ? level : Level::kOk) << finding.name << ": " << finding.found;
      EXPECT_EQ(finding.effect.empty(), finding.level == Level::kOk) << finding.name;
      EXPECT_EQ(finding.fix.empty(), finding.level == Level::kOk) << finding.name;
    }
    EXPECT_EQ(find(name).found, found);
  }

  const fs::path root_ = fs::path(testing::TempDir()) /
                         (std::string("doctor_") + testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
                          std::to_string(getpid()));
  ProcessFacts process_{.clock_read_ns = 25,
                        .counter_error = 0,
                        .memory_lock_bytes = std::nullopt,
                        .fixed_addresses = false,
                        .build_type = "Release",
                        .check_level = 0,
                        .sanitizer = "",
                        .google_benchmark = "release"};
};

TEST_F(Doctor, NothingToSay) {
  const auto json = doctor_json(doctor(process_, root_));
  EXPECT_EQ(json.at("ok"), 17);
  EXPECT_EQ(json.at("warnings"), 0);
  EXPECT_EQ(json.at("failures"), 0);
}

// A system that shows nothing is not one that can be trusted.
TEST_F(Doctor, WithoutFilesNothingOfTheMachineIsWell) {
  fs::remove_all(root_);
  const auto json = doctor_json(doctor(process_, root_));
  EXPECT_EQ(json.at("failures"), 0);
  EXPECT_EQ(json.at("warnings"), 10);
  for (const char* const name : {"clock source", "governor", "SMT", "CPUs", "load", "CPU pressure", "memory pressure",
                                 "stolen time", "huge pages", "address layout"}) {
    EXPECT_EQ(find(name).level, Level::kWarn) << name;
  }
}

TEST_F(Doctor, ClockSource) {
  for (const char* const slow : {"hpet", "acpi_pm", "jiffies"}) {
    put(kClock, slow);
    expect("clock source", Level::kWarn, slow + std::string(", 25 ns a reading"));
  }
  for (const char* const fast : {"kvm-clock", "tsc"}) {
    put(kClock, fast);
    expect("clock source", Level::kOk, fast + std::string(", 25 ns a reading"));
  }
  process_.clock_read_ns = 101;
  expect("clock source", Level::kWarn, "tsc, 101 ns a reading");
}

TEST_F(Doctor, Governor) {
  put(kCpus + "cpu0/cpufreq/scaling_governor", "powersave\n");
  expect("governor", Level::kWarn, "powersave");
  fs::remove_all(root_ / (kCpus + "cpu0/cpufreq"));
  expect("governor", Level::kWarn, "unknown");
  put("sys/hypervisor/type", "xen\n");
  expect("governor", Level::kWarn, "unknown, the hypervisor decides");
}

TEST_F(Doctor, TurboWhereItIsShown) {
  put(kCpus + "cpufreq/boost", "1\n");
  expect("turbo", Level::kWarn, "on");
  put(kCpus + "cpufreq/boost", "0\n");
  expect("turbo", Level::kOk, "off");
  put(kCpus + "intel_pstate/no_turbo", "0\n");
  expect("turbo", Level::kWarn, "on");
  put(kCpus + "intel_pstate/no_turbo", "1\n");
  expect("turbo", Level::kOk, "off");
}

TEST_F(Doctor, Smt) {
  put(kCpus + "smt/active", "1\n");
  expect("SMT", Level::kWarn, "on");
}

TEST_F(Doctor, Cpus) {
  expect("CPUs", Level::kOk, "4 of 4");
  put("proc/self/status", "Cpus_allowed_list:\t0-1\n");
  expect("CPUs", Level::kOk, "2 of 4");
  put("proc/self/status", "Cpus_allowed_list:\t3\n");
  expect("CPUs", Level::kWarn, "1 of 4");
}

TEST_F(Doctor, Quota) {
  expect("CPU quota", Level::kOk, "none");
  const std::string file = "sys/fs/cgroup/a/cpu.max";
  put(file, "400000 100000\n");
  expect("CPU quota", Level::kOk, "4.00 CPUs of 4");
  put(file, "399000 100000\n");
  expect("CPU quota", Level::kWarn, "3.99 CPUs of 4");
  put(file, "100000 100000\n");
  expect("CPU quota", Level::kWarn, "1.00 CPUs of 4");
  put(file, "50000 100000\n");
  expect("CPU quota", Level::kFail, "0.50 CPUs of 4");
}

TEST_F(Doctor, Load) {
  put("proc/loadavg", "2.00 0.00 0.00 1/90 4711\n");
  expect("load", Level::kOk, "2.00 on 4 CPUs");
  put("proc/loadavg", "2.01 0.00 0.00 1/90 4711\n");
  expect("load", Level::kWarn, "2.01 on 4 CPUs");
  put("proc/loadavg", "\n");
  expect("load", Level::kWarn, "unknown");
}

TEST_F(Doctor, Pressure) {
  for (const std::string kind : {"cpu", "memory"}) {
    const std::string file = "proc/pressure/" + kind;
    const std::string name = (kind == "cpu" ? "CPU" : kind) + " pressure";
    put(file, "some avg10=5.10 avg60=0.00 avg300=0.00 total=1\n");
    expect(name, Level::kWarn, "5.1 % of 10 s");
    put(file, "odd\n");
    expect(name, Level::kWarn, "unknown");
    put(file, "some avg10=5.00 avg60=0.00 avg300=0.00 total=1\n");
    expect(name, Level::kOk, "5.0 % of 10 s");
  }
}

TEST_F(Doctor, StolenTime) {
  put("proc/stat", "cpu  100 0 100 9700 0 0 0 100 0 0\n");
  expect("stolen time", Level::kOk, "1.0 % since the start");
  put("proc/stat", "cpu  10000 0 100 9600 0 0 0 300 9000 0\n");
  expect("stolen time", Level::kWarn, "1.5 % since the start");
  put("proc/stat", "cpu  100 0\n");
  expect("stolen time", Level::kWarn, "unknown");
}

TEST_F(Doctor, Pmu) {
  process_.counter_error = ENOENT;
  expect("PMU", Level::kWarn, "none");
  put("proc/sys/kernel/perf_event_paranoid", "3\n");
  for (const int refused : {EACCES, EPERM}) {
    process_.counter_error = refused;
    expect("PMU", Level::kWarn, "not allowed, perf_event_paranoid 3");
  }
  process_.counter_error = ENOSYS;
  expect("PMU", Level::kWarn, "Function not implemented");
}

TEST_F(Doctor, HugePages) {
  put("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
  expect("huge pages", Level::kWarn, "never");
  put("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
  expect("huge pages", Level::kOk, "always");
}

TEST_F(Doctor, MemoryLock) {
  process_.memory_lock_bytes = std::uint64_t{64} << 20;
  expect("memory lock", Level::kOk, "65536 KiB");
  process_.memory_lock_bytes = std::uint64_t{8} << 20;
  expect("memory lock", Level::kWarn, "8192 KiB");
  put("proc/self/status", "CapEff:\t0000000000004000\nCpus_allowed_list:\t0-3\n");
  expect("memory lock", Level::kOk, "8192 KiB, lifted by CAP_IPC_LOCK");
}

TEST_F(Doctor, AddressLayout) {
  for (const auto& [mode, found] : {std::pair("0\n", "fixed"), std::pair("1\n", "random but for the heap")}) {
    put("proc/sys/kernel/randomize_va_space", mode);
    expect("address layout", Level::kWarn, found);
  }
  put("proc/sys/kernel/randomize_va_space", "2\n");
  process_.fixed_addresses = true;
  expect("address layout", Level::kWarn, "fixed for this process");
}

TEST_F(Doctor, Build) {
  process_.build_type = "RelWithDebInfo";
  expect("build type", Level::kFail, "RelWithDebInfo");
  process_.build_type = "";
  expect("build type", Level::kFail, "none");
  process_.build_type = "Release";
  process_.check_level = 2;
  expect("internal checks", Level::kWarn, "level 2");
  process_.check_level = 0;
  process_.sanitizer = "address,undefined";
  expect("sanitizers", Level::kFail, "address,undefined");
}

TEST_F(Doctor, GoogleBenchmark) {
  for (const char* const build : {"debug", "unknown"}) {
    process_.google_benchmark = build;
    expect("Google Benchmark", Level::kWarn, build);
  }
  process_.google_benchmark = "";
  expect("Google Benchmark", Level::kOk, "not loaded by this program");
}

TEST_F(Doctor, JsonAndTableSayTheSame) {
  put("proc/loadavg", "9.00 0.00 0.00 1/90 4711\n");
  process_.build_type = "Debug";
  const auto json = doctor_json(doctor(process_, root_));
  tests::Schema(VMBSAVE_SCHEMAS "/context.schema.json", "/$defs/doctor").expect_matches(nlohmann::json(json));
  EXPECT_EQ(json.at("ok"), 15);
  EXPECT_EQ(json.at("warnings"), 1);
  EXPECT_EQ(json.at("failures"), 1);
  EXPECT_EQ(json.at("findings").size(), 17u);
  const std::string table = doctor_table(json);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 18) << table;
  for (const char* const line : {"FAIL  build type       Debug: what is measured is not what is shipped; cmake",
                                 "\nWARN  load             9.00 on 4 CPUs: saves wait for others",
                                 "\nOK    huge pages       madvise\n", "\n15 ok, 1 warnings, 1 failures\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << "\n" << table;
  }
}

// Whatever they are here.
TEST(DoctorHere, KnowsThisProcess) {
  const ProcessFacts process = this_process("debug");
  EXPECT_EQ(process.check_level, VMBSAVE_CHECK);
  EXPECT_EQ(process.google_benchmark, "debug");
  EXPECT_GT(process.clock_read_ns, 0u);
  EXPECT_EQ(build_json().at("build_type"), process.build_type);
  EXPECT_GE(doctor(process).size(), 17u);
}

TEST(DoctorHere, KnowsTheLimitOnLockedMemory) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &before), 0);
  const rlimit page{4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_MEMLOCK, &page), 0);
  EXPECT_EQ(this_process().memory_lock_bytes, 4096u);
  ASSERT_EQ(setrlimit(RLIMIT_MEMLOCK, &before), 0);
  EXPECT_EQ(this_process().memory_lock_bytes.has_value(), before.rlim_cur != RLIM_INFINITY);
}

TEST(DoctorHere, KnowsWhetherAddressesAreRandom) {
  constexpr unsigned long kAsk = 0xffffffff;
  const int before = personality(kAsk);
  if (before < 0 || personality(static_cast<unsigned long>(before) | ADDR_NO_RANDOMIZE) < 0) {
    GTEST_SKIP() << "personality is not allowed here";
  }
  EXPECT_TRUE(this_process().fixed_addresses);
  personality(static_cast<unsigned long>(before));
  EXPECT_EQ(this_process().fixed_addresses, (before & ADDR_NO_RANDOMIZE) != 0);
}

}  // namespace
}  // namespace vmbsave::report
