#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/one_line.hpp"
#include "report/compare_cells.hpp"
#include "report/compare_output.hpp"
#include "report/facts_text.hpp"
#include "report/result_text.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLabelColumns = 46;
constexpr const char* kColumns = "{:<46}{:>10}{:>10}{:>22}{:>22}  {}\n";

std::string word_cell(const ComparedRow& row, bool colour) {
  const std::string word = word_cell(row);
  if (!colour) return word;
  if (row.difference == Difference::kSlower) return "\033[31m" + word + "\033[0m";
  if (row.difference == Difference::kFaster) return "\033[32m" + word + "\033[0m";
  return word;
}

// A label that is longer than its column has a line of its own.
std::string label_cell(const std::string& label) { return label.size() < kLabelColumns ? label : label + "\n"; }

std::string row_lines(const ComparedRow& row, bool colour) {
  const std::string label = label_cell(bench::one_line(row.a.label));
  std::string lines = label.ends_with('\n') ? label : "";
  lines += fmt::format(kColumns, lines.empty() ? label : "", time_cell(row.a.time), time_cell(row.b.time),
                       ratio_cell(row.time), ratio_cell(row.ratio), word_cell(row, colour));
  for (const ExactDifference& exact : row.exact) {
    lines += fmt::format("    {}: {} in A, {} in B\n", exact.name, exact.a.dump(), exact.b.dump());
  }
  return lines;
}

std::string group_tables(const std::vector<ComparedRow>& rows, bool colour) {
  std::vector<std::string> groups;
  for (const ComparedRow& row : rows) {
    if (std::find(groups.begin(), groups.end(), row.a.group) == groups.end()) groups.push_back(row.a.group);
  }
  std::string text;
  for (const std::string& group : groups) {
    const std::string heading = label_cell(bench::one_line(group));
    text += "\n" + (heading.ends_with('\n') ? heading : "");
    text += fmt::format(kColumns, heading.ends_with('\n') ? "" : heading, "A", "B", "time B/A [90 %]",
                        "beside B/A [90 %]", "in B");
    for (const ComparedRow& row : rows) {
      if (row.a.group == group) text += row_lines(row, colour);
    }
  }
  return text;
}

std::string words(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& word : list) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string side_lines(const char* letter, const ComparedSide& side) {
  return bench::one_line(fmt::format("{}  {}", letter, side.name)) + "\n" +
         bench::one_line(fmt::format(
             "   {}; {}; {}, allocator {}, commit {}", side.started_utc.empty() ? "time not known" : side.started_utc,
             machine_text(side.machine), known_text(side.build.value("compiler", Json(nullptr))),
             words(side.allocators), commit_text(side.build))) +
         "\n" + bench::one_line("   suites: " + words(side.suites)) + "\n";
}

std::string age_line(const char* letter, const ComparedSide& side) {
  const std::string age = age_text(side.engine_commits_since);
  return age.empty() ? "" : fmt::format("{} is {}\n", letter, age);
}

std::string context_lines(const Comparison& comparison) {
  std::string text;
  for (const ExactDifference& difference : comparison.context) {
    text += bench::one_line(fmt::format("differs: {}: {} in A, {} in B", difference.name, difference.a.dump(),
                                        difference.b.dump())) +
            "\n";
  }
  return text;
}

std::string reasons(const std::vector<ComparedRow>& rows) {
  std::map<std::string, std::size_t> counts;
  for (const ComparedRow& row : rows) {
    if (!row.why.empty() && !row.a.is_yardstick) ++counts[row.why];
  }
  std::string text;
  for (const auto& [why, count] : counts) text += fmt::format("not known of {}: {}\n", count, why);
  return text;
}

// More of them than a glance takes in are counted.
std::string only_lines(const char* letter, const std::vector<std::string>& names) {
  constexpr std::size_t kMostNamed = 10;
  if (names.size() > kMostNamed) return fmt::format("only in {}: {} rows; --json names them\n", letter, names.size());
  std::string text;
  for (const std::string& name : names) text += fmt::format("only in {}: {}\n", letter, bench::one_line(name));
  return text;
}

std::string left_lines(const Comparison& comparison) {
  std::string text = only_lines("A", comparison.only_a) + only_lines("B", comparison.only_b);
  for (const auto& [name, why] : comparison.not_compared) {
    text += "not compared: " + bench::one_line(fmt::format("{}: {}", name, why)) + "\n";
  }
  for (const std::string& note : comparison.notes) text += "note: " + bench::one_line(note) + "\n";
  return text;
}

std::string drift_line(const Comparison& comparison) {
  if (!comparison.drift) return "";
  return fmt::format("Plain copies took {:.2f} to {:.2f} times as long in B as in A: so much is the machine.\n",
                     comparison.drift->least, comparison.drift->most);
}

std::string legend(const Comparison& comparison) {
  const bool has_starred = std::any_of(comparison.rows.begin(), comparison.rows.end(), [](const ComparedRow& row) {
    return row.is_by_time && row.difference != Difference::kNotKnown;
  });
  return "\n" + drift_line(comparison) +
         "time: medians; what the machine did between the runs is in them. beside: each sample as a multiple of what "
         "ran beside it in\nits run (a plain copy of the same bytes, for a save): B's by A's; judged, as what the "
         "machine did to both falls out.\n" +
         (has_starred
              ? "* nothing ran beside it: judged by time, as far as that changed by more than plain copies did.\n"
              : "") +
         fmt::format(
             "Samples of one process say little of the next one: within {:.0f} % two processes of one program "
             "differ too, and no difference\nis seen. Of repetitions each counts once, by its median.\n",
             100 * kCompareMargin) +
         (comparison.across_machines
              ? ""
              : "Two hosts of one model look like one machine here: their difference would be in what is judged by "
                "time.\n");
}

}  // namespace

std::string compare_table(const Comparison& comparison, bool colour) {
  return side_lines("A", comparison.a) + side_lines("B", comparison.b) + age_line("A", comparison.a) +
         age_line("B", comparison.b) + context_lines(comparison) + group_tables(comparison.rows, colour) + "\n" +
         left_lines(comparison) + legend(comparison) + "\n" + reasons(comparison.rows) + summary_of(comparison) + "\n";
}

}  // namespace vmbsave::report
