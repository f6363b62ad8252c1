#include "report/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "harness/pattern.hpp"
#include "report/compare_side.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<MeasuredRow>;

constexpr const char* kTooFew = "too few samples are recorded";

// Each name once: a second row of a name is noted.
Rows rows_by_name(const RunRows& run, std::vector<std::string>& notes) {
  notes.insert(notes.end(), run.left_out.begin(), run.left_out.end());
  Rows rows;
  std::map<std::string, int> times;
  for (const MeasuredRow& row : run.rows) {
    if (++times[row.name] == 1) rows.push_back(row);
  }
  for (const auto& [name, count] : times) {
    if (count > 1) notes.push_back(fmt::format("{}: of {} rows {} the first is compared", run.side.name, count, name));
  }
  return rows;
}

const MeasuredRow* find(const Rows& rows, const std::string& name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const MeasuredRow& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

// Of what both know.
std::vector<ExactDifference> differences(const Json& a, const Json& b) {
  std::vector<ExactDifference> some;
  for (const auto& [key, value] : a.items()) {
    if (b.contains(key) && b.at(key) != value) some.push_back({key, value, b.at(key)});
  }
  return some;
}

// Why two rows of one name can't be compared; empty: they can.
std::string why_not(const MeasuredRow& a, const MeasuredRow& b) {
  if (!a.why_not.empty()) return "in A: " + a.why_not;
  if (!b.why_not.empty()) return "in B: " + b.why_not;
  for (const ExactDifference& setting : differences(a.settings, b.settings)) {
    return fmt::format("{} is {} in A and {} in B", setting.name, setting.a.dump(), setting.b.dump());
  }
  return "";
}

std::optional<MachineDrift> drift_of(const std::vector<ComparedRow>& rows) {
  std::optional<MachineDrift> drift;
  for (const ComparedRow& row : rows) {
    if (!row.a.is_yardstick || !row.time.p50) continue;
    if (!drift) drift.emplace();
    drift->least = std::min(drift->least, *row.time.p50);
    drift->most = std::max(drift->most, *row.time.p50);
  }
  return drift;
}

bool has_interval(const Median& ratio) { return ratio.p50 && ratio.low && ratio.high; }

// Of a row that says how many it has.
bool has_few_samples(const MeasuredRow& row) { return row.samples && *row.samples < kCompareSamples; }

// An interval of few samples is one of a short moment.
void forget_of_few_samples(ComparedRow& row) {
  if (row.difference == Difference::kNotKnown || !(has_few_samples(row.a) || has_few_samples(row.b))) return;
  row.difference = Difference::kNotKnown;
  row.why = fmt::format("too few samples, below {}", kCompareSamples);
}

void judge_by_time(ComparedRow& row, bool across_machines, const std::optional<MachineDrift>& drift) {
  row.is_by_time = true;
  if (row.a.is_yardstick) {
    row.why = "a plain copy: its time says how fast the machine was";
  } else if (across_machines) {
    row.why = "nothing was measured beside it";
  } else if (!has_interval(row.time)) {
    row.why = kTooFew;
  } else if (!drift) {
    row.why = "nothing was measured beside it, nor a plain copy in both runs";
  } else {
    row.difference = difference_of(row.time, drift->least, drift->most);
  }
}

void judge(ComparedRow& row, bool across_machines, const std::optional<MachineDrift>& drift) {
  if (row.a.beside.empty()) {
    judge_by_time(row, across_machines, drift);
  } else if (row.a.beside != row.b.beside) {
    row.why = fmt::format("measured beside {} in A and {} in B", row.a.beside, row.b.beside);
  } else if (!has_interval(row.ratio)) {
    row.why = kTooFew;
  } else {
    row.difference = difference_of(row.ratio);
  }
}

ComparedRow compared_row(const MeasuredRow& a, const MeasuredRow& b, bool across_machines) {
  ComparedRow row{.a = a, .b = b, .time = {}, .ratio = {}, .why = {}, .exact = differences(a.exact, b.exact)};
  if (!across_machines) row.time = quotient(b.time, a.time);
  if (a.beside == b.beside) row.ratio = quotient(b.ratio, a.ratio);
  return row;
}

void match(Comparison& comparison, const Rows& a, const Rows& b) {
  for (const MeasuredRow& row : a) {
    const MeasuredRow* const partner = find(b, row.name);
    if (partner == nullptr) {
      comparison.only_a.push_back(row.name);
    } else if (const std::string why = why_not(row, *partner); !why.empty()) {
      comparison.not_compared.push_back({row.name, why});
    } else {
      comparison.rows.push_back(compared_row(row, *partner, comparison.across_machines));
    }
  }
  for (const MeasuredRow& row : b) {
    if (find(a, row.name) == nullptr) comparison.only_b.push_back(row.name);
  }
}

// When all are judged: what the machine did shows in rows that are not asked for, too.
void keep_only(Comparison& comparison, const bench::Pattern& only) {
  std::erase_if(comparison.rows, [&](const ComparedRow& row) { return !only.finds(row.a.name); });
  std::erase_if(comparison.not_compared, [&](const NotCompared& row) { return !only.finds(row.name); });
  for (auto* const names : {&comparison.only_a, &comparison.only_b}) {
    std::erase_if(*names, [&](const std::string& name) { return !only.finds(name); });
  }
}

}  // namespace

const char* difference_word(Difference difference) {
  constexpr const char* kWords[] = {"not known", "no difference seen", "faster", "slower"};
  return kWords[static_cast<unsigned>(difference)];
}

Difference difference_of(const Median& ratio, double least, double most) {
  if (!has_interval(ratio)) return Difference::kNotKnown;
  if (*ratio.low > most * (1 + kCompareMargin)) return Difference::kSlower;
  if (*ratio.high < least / (1 + kCompareMargin)) return Difference::kFaster;
  return Difference::kNoneSeen;
}

Comparison compare_runs(const RunResults& a, const RunResults& b, const CompareOptions& options) {
  const bench::Pattern only(options.only);
  RunRows of_a = rows_of_run(a);
  RunRows of_b = rows_of_run(b);
  if (std::max(of_a.side.allocators.size(), of_b.side.allocators.size()) > 1) {
    name_allocators(of_a.rows);
    name_allocators(of_b.rows);
  }
  expect_comparable(of_a.side, of_b.side, options.across_machines);
  Comparison comparison{.a = of_a.side, .b = of_b.side, .across_machines = options.across_machines};
  comparison.context = context_differences(of_a.side, of_b.side);
  const Rows rows_of_a = rows_by_name(of_a, comparison.notes);
  match(comparison, rows_of_a, rows_by_name(of_b, comparison.notes));
  comparison.drift = drift_of(comparison.rows);
  for (ComparedRow& row : comparison.rows) {
    judge(row, options.across_machines, comparison.drift);
    forget_of_few_samples(row);
  }
  keep_only(comparison, only);
  if (comparison.rows.empty() && comparison.not_compared.empty() && !options.may_share_nothing) {
    throw std::runtime_error(fmt::format("nothing to compare: no row{} is in both {} and {}",
                                         options.only.empty() ? "" : " that --only finds", a.name, b.name));
  }
  return comparison;
}

}  // namespace vmbsave::report
