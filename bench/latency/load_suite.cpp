#include "latency/load_suite.hpp"

#include <benchmark/benchmark.h>

#include <exception>
#include <memory>
#include <new>

#include "report/percentiles.hpp"
#include "scenarios/save_under_load/load_run.hpp"

namespace vmbsave::bench {
namespace {

constexpr std::uint64_t kMicrosecond = 1'000;
constexpr std::uint64_t kMillisecond = 1'000'000;

LoadGroup group_of(const std::string& name, LoadSpec spec) {
  LoadGroup group{name, {}};
  const std::pair<const char*, MakeTarget> implementations[] = {
      {"engine", make_engine_target}, {"mutex_list", make_mutex_list}, {"drain_then_save", make_drain_then_save}};
  for (const auto& [implementation, make] : implementations) {
    spec.name = implementation;
    spec.make = make;
    group.specs.push_back(spec);
  }
  return group;
}

// As many packets as a busy VM has in flight, each of which takes its time.
LoadSpec blackout(bool pinned, std::uint64_t service_ns, unsigned rounds) {
  return {.channels = 16,
          .packets = 65'536,
          .service_ns = service_ns,
          .gap_ns = 15 * kMillisecond,
          .pinned = pinned,
          .save_threads = pinned ? 1u : 2u,
          .measured_every = 7,  // odd: calls of acquire and complete take turns
          .phase_ns = 120 * kMillisecond,
          .rounds = rounds};
}

struct Subject {
  report::LoadRow row;
  std::unique_ptr<LoadRun> run;
};

// False: it has failed, now or before.
template <class Step>
bool attempt(Subject& subject, Step&& step) {
  if (!subject.row.error.empty()) return false;
  try {
    step();
    return true;
  } catch (const std::bad_alloc&) {
    subject.row.error = "not enough memory";
  } catch (const std::exception& error) {
    subject.row.error = error.what();
  }
  return false;
}

// Rounds go to and fro, so that nobody always comes after the same one.
void run_round(std::vector<Subject>& subjects, unsigned number) {
  std::vector<double> blackouts(subjects.size());
  double engine = 0;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    const std::size_t turn = number % 2 == 0 ? i : subjects.size() - 1 - i;
    Subject& subject = subjects[turn];
    if (!attempt(subject, [&] { subject.run->round(); })) continue;
    blackouts[turn] = subject.run->result().round_blackout_ns.back();
    if (subject.row.implementation == "engine") engine = blackouts[turn];
  }
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    if (engine != 0 && blackouts[i] != 0) subjects[i].row.blackout_to_engine.push_back(blackouts[i] / engine);
  }
}

void show(benchmark::State& state, const std::vector<report::LoadRow>& rows) {
  const auto set = [&](const std::string& name, const auto& value) {
    if (value) state.counters[name] = static_cast<double>(*value);
  };
  for (const report::LoadRow& row : rows) {
    if (!row.error.empty()) continue;
    set(row.implementation + "_complete_p999_ns", row.result.during.complete.percentile(0.999));
    set(row.implementation + "_blackout_ns", report::percentiles(row.result.blackout_ns).p50);
  }
}

void run_benchmark(benchmark::State& state, const LoadGroup& group, Executors& executors, LoadLog& log, bool quiet) {
  Progress progress(quiet);
  for ([[maybe_unused]] const auto& iteration : state) {
    run_group(group, executors, log, progress.watch("rounds"));
    const std::vector<report::LoadRow>& rows = log.of(group.name);
    const auto blackout = report::percentiles(rows.front().result.blackout_ns).p50;
    state.SetIterationTime(static_cast<double>(blackout.value_or(0)) * 1e-9);  // the engine's
    for (const report::LoadRow& row : rows) {
      if (!row.error.empty()) return state.SkipWithError((row.name + ": " + row.error).c_str());
    }
  }
  show(state, log.of(group.name));
}

}  // namespace

std::vector<LoadGroup> load_groups() {
  return {group_of("pinned/open", {.channels = 4,
                                   .packets = 4096,
                                   .arrivals_per_s = 500'000,
                                   .service_ns = 2 * kMillisecond,
                                   .gap_ns = 100 * kMicrosecond,
                                   .pinned = true,
                                   .phase_ns = 250 * kMillisecond,
                                   .rounds = 8}),
          group_of("pinned/flat_out", {.channels = 4,
                                       .packets = 1024,
                                       .gap_ns = 100 * kMicrosecond,
                                       .pinned = true,
                                       .phase_ns = 100 * kMillisecond,
                                       .rounds = 8}),
          group_of("pinned/blackout", blackout(true, 10 * kMillisecond, 22)),
          group_of("blackout", blackout(false, 10 * kMillisecond, 22)),
          group_of("pinned/blackout_1ms", blackout(true, kMillisecond, 8))};
}

std::vector<report::LoadRow>& LoadLog::of(const std::string& group) {
  for (auto& [name, rows] : groups_) {
    if (name == group) return rows;
  }
  return groups_.emplace_back(group, std::vector<report::LoadRow>{}).second;
}

std::vector<report::LoadRow> LoadLog::rows() const {
  std::vector<report::LoadRow> all;
  for (const auto& [name, rows] : groups_) all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

void run_group(const LoadGroup& group, Executors& executors, LoadLog& log, const Watch& watch) {
  std::vector<Subject> subjects;
  unsigned rounds = 0;
  for (const LoadSpec& spec : group.specs) {
    Subject& subject = subjects.emplace_back();
    subject.row.name = "load/" + group.name + "/" + spec.name;
    subject.row.group = group.name;
    subject.row.implementation = spec.name;
    subject.row.spec = spec;
    rounds = spec.rounds;
    attempt(subject, [&] {
      Executor* const executor = spec.save_threads == 1 ? nullptr : &executors.with_threads(spec.save_threads);
      subject.run = std::make_unique<LoadRun>(spec, executor);
      subject.run->check();
    });
  }
  for (unsigned round = 0; round < rounds; ++round) {
    if (watch) watch(round, rounds);
    run_round(subjects, round);
  }
  std::vector<report::LoadRow>& rows = log.of(group.name);
  rows.clear();
  for (Subject& subject : subjects) {
    if (subject.run != nullptr) subject.row.result = subject.run->result();
    rows.push_back(std::move(subject.row));
  }
}

void register_load(const std::vector<LoadGroup>& groups, Executors& executors, LoadLog& log, bool quiet) {
  for (const LoadGroup& group : groups) {
    benchmark::RegisterBenchmark(("load/" + group.name).c_str(),
                                 [group, &executors, &log, quiet](benchmark::State& state) {
                                   run_benchmark(state, group, executors, log, quiet);
                                 })
        ->UseManualTime()
        ->Iterations(1);
  }
}

}  // namespace vmbsave::bench
