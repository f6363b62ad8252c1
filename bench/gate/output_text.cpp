// The table and the comment for a pull request.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gate/output_rows.hpp"
#include "gate/outputs.hpp"
#include "harness/one_line.hpp"

namespace vmbsave::gate {
namespace {

constexpr std::size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

const Row kHeads = {"VERDICT", "CASE", "TIME, HEAD / BASE", "FINDS FROM", "INSTRUCTIONS", "WHY"};

Row row_of(const ComparedCase& compared) {
  return {outcome_name(compared.verdict.outcome),
          compared.evidence.gate_case.name,
          ratio_text(compared),
          detectable_text(compared),
          instructions_text(compared),
          reasons_text(compared)};
}

// What went wrong comes first; else in the suite's order.
int rank(Outcome outcome) {
  switch (outcome) {
    case Outcome::kFail:
      return 0;
    case Outcome::kUnmeasured:
      return 1;
    case Outcome::kInconclusive:
      return 2;
    case Outcome::kWarn:
    case Outcome::kAccepted:
      return 3;
    default:
      return 4;
  }
}

std::vector<Row> rows_of(const Comparison& comparison) {
  std::vector<const ComparedCase*> cases;
  for (const ComparedCase& compared : comparison.cases) cases.push_back(&compared);
  std::stable_sort(cases.begin(), cases.end(), [](const ComparedCase* a, const ComparedCase* b) {
    return rank(a->verdict.outcome) < rank(b->verdict.outcome);
  });
  std::vector<Row> rows;
  for (const ComparedCase* const compared : cases) rows.push_back(row_of(*compared));
  return rows;
}

std::string aligned(const std::vector<Row>& rows) {
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t c = 0; c < kColumns; ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < kColumns; ++c) line += fmt::format("{:<{}}  ", row[c], widths[c]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string sides_text(const AgainstOne& one) {
  return fmt::format("{}: {}\nhead: {}\n", one.what, side_text(one.comparison.base), side_text(one.comparison.head));
}

constexpr const char* kIdentical = "identical binaries: there is nothing to measure (--measure-identical does)";

std::string comparison_text(const AgainstOne& one) {
  std::string text = sides_text(one);
  if (one.comparison.is_identical) {
    text += fmt::format("{}\n", kIdentical);
  } else {
    std::vector<Row> rows = rows_of(one.comparison);
    rows.insert(rows.begin(), kHeads);
    text += aligned(rows);
  }
  for (const std::string& note : one.comparison.notes) text += fmt::format("note: {}\n", note);
  return text;
}

// A bar would end the cell.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result;
}

std::string comparison_markdown(const AgainstOne& one) {
  std::string text = fmt::format("\n**{}**: {}, **head**: {}\n\n", one.what, cell(side_text(one.comparison.base)),
                                 cell(side_text(one.comparison.head)));
  if (one.comparison.is_identical) {
    text += fmt::format("{}\n", kIdentical);
  } else {
    text += "| verdict | case | time, head / base | finds from | instructions | why |\n|---|---|---|---|---|---|\n";
    for (const Row& row : rows_of(one.comparison)) {
      text +=
          fmt::format("| **{}** | `{}` | {} | {} | {} | {} |\n", row[0], row[1], row[2], row[3], row[4], cell(row[5]));
    }
  }
  for (const std::string& note : one.comparison.notes) text += fmt::format("- {}\n", note);
  return text;
}

// "base", "base and anchor"; empty: both sides were measured in each comparison.
std::string same_code(const GateRun& run) {
  std::string text;
  for (const AgainstOne& one : run.against) {
    if (one.comparison.is_identical) text += (text.empty() ? "" : " and ") + one.what;
  }
  return text;
}

// Nothing was measured between sides that are the same, which "no worse" would claim.
std::string pass_text(const GateRun& run) {
  const std::string same = same_code(run);
  GateRun measured;
  for (const AgainstOne& one : run.against) {
    if (!one.comparison.is_identical) measured.against.push_back(one);
  }
  const std::size_t passed = tally(measured).passed;
  const std::string no_worse = fmt::format("{0} of {0} comparisons are no worse", passed);
  if (same.empty()) return no_worse;
  const std::string text = fmt::format("head and {} are the same code", same);
  return passed == 0 ? text : text + "; " + no_worse;
}

std::string not_made_text(const NotMade& one) {
  return bench::one_line(fmt::format("not compared with the {}: {}", one.what, one.why));
}

}  // namespace

std::string headline(const Reported& reported) {
  const GateRun& run = reported.run;
  const Tally t = tally(run);
  const std::size_t all = t.passed + t.failed + t.inconclusive + t.unmeasured;
  const auto some = [&](std::size_t count, const char* what) {
    return fmt::format("{} of {} comparisons {}", count, all, what);
  };
  if (run.interrupted_by != 0) return "UNMEASURED: interrupted before the end";
  if (t.failed != 0) return "FAIL: " + some(t.failed, "got worse");
  if (all == 0) return "UNMEASURED: there was nothing to compare";
  if (!run.not_made.empty()) return "UNMEASURED: " + not_made_text(run.not_made.front());
  if (t.unmeasured != 0) return "UNMEASURED: " + some(t.unmeasured, "could not be made");
  if (t.inconclusive != 0) return "INCONCLUSIVE: " + some(t.inconclusive, "can't be told on this machine now");
  return "PASS: " + pass_text(run);
}

std::string gate_table(const Reported& reported) {
  std::string text = headline(reported) + "\n";
  for (const AgainstOne& one : reported.run.against) text += fmt::format("\n{}", comparison_text(one));
  text += '\n';
  for (const NotMade& one : reported.run.not_made) text += not_made_text(one) + "\n";
  for (const std::string& note : reported.run.notes) text += fmt::format("note: {}\n", note);
  const Tally t = tally(reported.run);
  text += fmt::format("{} passed, {} failed, {} skipped\n", t.passed, t.failed, t.inconclusive + t.unmeasured);
  return text;
}

std::string gate_markdown(const Reported& reported) {
  std::string text = fmt::format("### {}\n", headline(reported));
  for (const AgainstOne& one : reported.run.against) text += comparison_markdown(one);
  for (const NotMade& one : reported.run.not_made) text += fmt::format("- {}\n", not_made_text(one));
  for (const std::string& note : reported.run.notes) text += fmt::format("- {}\n", note);
  text += fmt::format(
      "\nTime: median ratio of fresh processes that measure both sides in turns, with its interval; *finds from*: the "
      "smallest slowdown that its first measurement would have failed with 95 % probability. A slowdown of more than "
      "{:.1f} % fails, once other processes have confirmed it; a pass would have found one of {:.1f} %.\n",
      100 * reported.options.rule.margin, 100 * reported.options.rule.target);
  return text;
}

}  // namespace vmbsave::gate
