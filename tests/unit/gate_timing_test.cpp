// How long the gate measures, and what it makes of it: made-up processes stand for measured ones.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "gate/other_rules.hpp"
#include "gate/timing.hpp"

namespace vmbsave::gate {
namespace {

// A process whose rounds all have one ratio, and its control another.
Slices process(double ratio, double control_ratio = 1) {
  constexpr double kNs = 1e9;
  Slices slices;
  slices.operations = 1;
  for (int i = 0; i < 4; ++i) {
    slices.rounds.push_back({static_cast<std::uint64_t>(kNs), static_cast<std::uint64_t>(kNs * ratio),
                             static_cast<std::uint64_t>(kNs), static_cast<std::uint64_t>(kNs * control_ratio)});
  }
  return slices;
}

// Cases by name: how much slower head is, at first and when it is measured again, and how much processes differ.
struct Machine {
  struct Case {
    double first = 1;
    double again = 1;
    double spread = 0.002;
    double control = 1;
  };
  using Cases = std::map<std::string, Case>;
  explicit Machine(Cases its) : cases(std::move(its)) {}

  Cases cases;
  std::vector<std::string> order;
  std::mt19937_64 random{5};

  Slices measure(const CaseName& name, bool reversed) {
    order.push_back(name.name);
    const Case& of = cases.at(name.name);
    std::normal_distribution<double> noise(0, of.spread);
    return process((reversed ? of.again : of.first) * std::exp(noise(random)), of.control);
  }

  std::vector<Timing> run(const TimingOptions& options) {
    std::vector<CaseName> names;
    for (const auto& [name, of] : cases) names.push_back({name, 1});
    return measure_times(
        names, [this](const CaseName& name, bool reversed) { return measure(name, reversed); }, options);
  }
};

TimingOptions at_once() {
  TimingOptions options;
  options.pause = std::chrono::milliseconds(0);
  return options;
}

TEST(GateTiming, QuietCasesEndAtTheFirstLook) {
  Machine machine(Machine::Cases{{"a", {}}, {"b", {}}});
  const auto timings = machine.run(at_once());
  for (const Timing& timing : timings) {
    EXPECT_EQ(timing.verdict, Verdict::kPass);
    EXPECT_EQ(timing.processes.size(), kLooks[0].processes);
    EXPECT_TRUE(timing.confirmation.empty());
  }
  ASSERT_EQ(machine.order.size(), 2 * kLooks[0].processes);
  for (std::size_t i = 0; i < machine.order.size(); ++i) EXPECT_EQ(machine.order[i], i % 2 == 0 ? "a" : "b");
}

TEST(GateTiming, AFailIsConfirmedByOthers) {
  Machine machine(Machine::Cases{{"slow", {1.05, 1.05}}});
  const Timing timing = machine.run(at_once())[0];
  EXPECT_EQ(timing.verdict, Verdict::kFail);
  EXPECT_EQ(timing.processes.size(), kLooks[0].processes);
  EXPECT_EQ(timing.confirmation.size(), 40u);
  EXPECT_NEAR(timing.again.ratio, 1.05, 0.002);
}

TEST(GateTiming, WhatIsNotConfirmedIsNoFail) {
  Machine machine(Machine::Cases{{"burst", {1.05, 1.00}}});
  const Timing timing = machine.run(at_once())[0];
  EXPECT_EQ(timing.verdict, Verdict::kInconclusive);
  EXPECT_NE(timing.why.find("did not confirm"), std::string::npos);
}

TEST(GateTiming, DoubtAsksForMoreUntilTheLastLook) {
  Machine machine(Machine::Cases{{"noisy", {1, 1, 0.2}}, {"quiet", {}}});
  const auto timings = machine.run(at_once());
  EXPECT_EQ(timings[0].verdict, Verdict::kInconclusive);
  EXPECT_EQ(timings[0].processes.size(), kLooks.back().processes);
  EXPECT_EQ(timings[1].verdict, Verdict::kPass);
  EXPECT_EQ(timings[1].processes.size(), kLooks[0].processes) << "what is known is not measured on";
}

TEST(GateTiming, AnUnevenMachineHasNoVerdict) {
  Machine machine(Machine::Cases{{"same", {1, 1, 0.002, 1.05}}, {"slow", {1.06, 1.06, 0.002, 0.95}}});
  for (const Timing& timing : machine.run(at_once())) {
    EXPECT_EQ(timing.verdict, Verdict::kInconclusive) << timing.gate_case.name;
    EXPECT_NE(timing.why.find("alike"), std::string::npos);
    EXPECT_EQ(timing.processes.size(), kLooks.back().processes) << "a burst may pass: more are asked for before";
  }
}

TEST(GateTiming, ASpentBudgetIsInconclusive) {
  Machine machine(Machine::Cases{{"a", {}}});
  TimingOptions spent = at_once();
  spent.deadline = std::chrono::steady_clock::now();
  const Timing never = machine.run(spent)[0];
  EXPECT_EQ(never.verdict, Verdict::kInconclusive);
  EXPECT_NE(never.why.find("budget"), std::string::npos);
  EXPECT_FALSE(never.error.empty()) << "nothing was measured";
  EXPECT_TRUE(machine.order.empty());
  Machine slow(Machine::Cases{{"slow", {1.05, 1.05}}});
  TimingOptions no_pause = at_once();
  no_pause.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  no_pause.pause = std::chrono::seconds(120);
  const Timing unconfirmed = slow.run(no_pause)[0];
  EXPECT_EQ(unconfirmed.verdict, Verdict::kInconclusive) << "there was no time to measure it again";
  EXPECT_NE(unconfirmed.why.find("budget"), std::string::npos);
}

TEST(GateTiming, ASideThatFailsEndsOnlyItsOwnCase) {
  Machine machine(Machine::Cases{{"a", {}}});
  const MeasureProcess measure = [&](const CaseName& name, bool reversed) {
    if (name.name == "crash") throw SideFailed("crash: signal 11");
    return machine.measure(name, reversed);
  };
  const auto timings = measure_times({{"crash", 1}, {"a", 1}}, measure, at_once());
  EXPECT_EQ(timings[0].error, "crash: signal 11");
  EXPECT_EQ(timings[1].verdict, Verdict::kPass);
}

// scipy.stats.mannwhitneyu(x, y, method="asymptotic") of the same values.
TEST(OtherRules, MannWhitneyIsThatOfScipy) {
  const std::vector<double> x = {19, 22, 16, 29, 24};
  const std::vector<double> y = {20, 11, 17, 12};
  EXPECT_NEAR(mann_whitney_p(x, y), 0.11134688653314041, 1e-9);  // the example of its documentation
  EXPECT_NEAR(mann_whitney_p(y, x), mann_whitney_p(x, y), 1e-12);
  EXPECT_EQ(mann_whitney_p(std::vector<double>{1, 1}, std::vector<double>{1, 1}), 1);
  std::vector<double> low;
  std::vector<double> high;
  for (int i = 0; i < 20; ++i) {
    low.push_back(i);
    high.push_back(i + 100);
  }
  EXPECT_LT(mann_whitney_p(low, high), 1e-6);
}

TEST(OtherRules, ComparePyAndDuckDb) {
  Slices base = process(1);
  Slices head = process(1);
  for (std::size_t i = 0; i < base.rounds.size(); ++i) {
    base.rounds[i].base_ns += i;
    head.rounds[i].head_ns += 1'000'000 + i;
  }
  for (int i = 0; i < 4; ++i) {  // eight or more of each
    base.rounds.push_back(base.rounds.back());
    head.rounds.push_back(head.rounds.back());
  }
  EXPECT_EQ(compare_py_says(base, head), ComparePy::kSlower);
  for (Round& round : base.rounds) round.head_ns = round.base_ns;
  EXPECT_EQ(compare_py_says(base, base), ComparePy::kSame);
  const auto duckdb = [](double first, double again) {
    std::vector<Slices> processes(kDuckDbPairs, process(first));
    processes.insert(processes.end(), kDuckDbConfirming, process(again));
    return duckdb_says(processes);
  };
  EXPECT_EQ(duckdb(1.01, 1.5), DuckDb::kSame) << "within two percent nothing is measured again";
  EXPECT_EQ(duckdb(1.05, 1.00), DuckDb::kSame);
  EXPECT_EQ(duckdb(1.05, 1.05), DuckDb::kSlower);
  EXPECT_EQ(duckdb(1.12, 1.12), DuckDb::kFails);
}

}  // namespace
}  // namespace vmbsave::gate
