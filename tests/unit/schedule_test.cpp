// Virtual time of a long trace: as sorting all events would have it, in memory that does not grow with the trace.
#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <random>
#include <tuple>

#include "scenarios/replay/schedule.hpp"
#include "unit/data_limit.hpp"
#include "unit/processes.hpp"
#include "unit/trace_files.hpp"

namespace vmbsave::replay {
namespace {

using trace::test::Scratch;
using trace::test::Vscsi;

// Times so few that everything meets: completions, submissions and requests that take no time, at one instant.
trace::Trace crowded_trace(std::uint32_t seed) {
  std::mt19937 random(seed);
  trace::Trace trace;
  trace.queues = {0};
  std::uint64_t now = 0;
  for (unsigned i = 0; i < 500; ++i) {
    trace::Request request{};
    request.submit_ns = now;
    request.complete_ns = random() % 10 == 0 ? trace::kNoCompletion : now + random() % 8;
    trace.requests.push_back(request);
    now += random() % 3;
  }
  return trace;
}

using Step = std::tuple<std::uint64_t, bool, std::uint32_t, std::uint32_t, bool>;  // in order: see for_each_event

std::vector<Step> sorted_steps(const trace::Trace& trace, Replication replication, std::uint64_t until_ns) {
  std::vector<Step> steps;
  const auto add = [&](const Step& step) {
    if (std::get<0>(step) <= until_ns) steps.push_back(step);
  };
  for (std::uint32_t vm = 0; vm < replication.vms; ++vm) {
    for (std::uint32_t record = 0; record < trace.requests.size(); ++record) {
      const trace::Request& request = trace.requests[record];
      const bool instant = request.complete_ns == request.submit_ns;
      const std::uint64_t start = vm * replication.shift_ns;
      add({start + request.submit_ns, true, vm, record, false});
      if (request.complete_ns != trace::kNoCompletion) add({start + request.complete_ns, instant, vm, record, true});
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

TEST(Schedule, EventsComeAsSortingThemWouldHaveIt) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const trace::Trace trace = crowded_trace(seed);
    const Replication replication{.vms = 1 + seed % 3, .shift_ns = seed % 5};
    const std::uint64_t until = seed % 2 == 0 ? UINT64_MAX : 300;
    std::vector<Step> steps;
    Schedule(trace, std::nullopt, replication).for_each_event(until, [&](const Event& event) {
      steps.emplace_back(event.time_ns, event.submit || event.instant, event.vm, event.record, !event.submit);
      return true;
    });
    EXPECT_EQ(steps, sorted_steps(trace, replication, until)) << seed;
  }
}

// ---- Memory ----

constexpr std::uint32_t kRecords = 2'000'000;
constexpr std::size_t kMiB = 1 << 20;

std::filesystem::path write_long_trace(const Scratch& scratch) {
  const std::filesystem::path file = scratch.path() / "long";
  std::ofstream out(file, std::ios::binary);
  for (std::uint32_t i = 0; i < kRecords; ++i) out << Vscsi{.sn = i, .ts = i}.v1();
  return file;
}

enum Outcome : int { kReadAndSurveyed, kNoMemory, kOtherwise };

int read_and_survey(const std::filesystem::path& file) try {
  if (!test::limit_data(32 * kMiB)) return kOtherwise;
  const trace::Trace trace = trace::read(file);
  const Schedule schedule(trace, 1'000'000, {});
  const Survey survey = schedule.survey(1, [](std::uint32_t, std::uint32_t) { return 0U; });
  return trace.requests.size() == kRecords && survey.peak == 1000 ? kReadAndSurveyed : kOtherwise;
} catch (const std::bad_alloc&) {
  return kNoMemory;
}

int within(std::size_t spool_memory, const std::filesystem::path& file) {
  return test::in_child([&] {
    trace::set_spool_memory(spool_memory);
    return read_and_survey(file);
  });
}

// Its requests alone are 92 MiB.
TEST(Schedule, MemoryDoesNotGrowWithTheTrace) {
  if (test::kNeedsMemory) GTEST_SKIP() << "the sanitizers need more memory than the limit leaves";
  const Scratch scratch;
  const std::filesystem::path file = write_long_trace(scratch);
  EXPECT_EQ(within(16 * kMiB, file), kReadAndSurveyed);
  EXPECT_EQ(within(SIZE_MAX, file), kNoMemory) << "in memory it needs more than the limit";
}

}  // namespace
}  // namespace vmbsave::replay
