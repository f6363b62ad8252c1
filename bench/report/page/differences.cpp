#include "report/page/differences.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/compare_cells.hpp"
#include "report/page/axis.hpp"
#include "report/page/rows.hpp"
#include "report/page/short_names.hpp"

namespace vmbsave::page {
namespace {

using report::ComparedRow;
using report::Comparison;
using report::Difference;

constexpr std::size_t kMostBars = 24;

// What a row was judged by.
const report::Median& judged(const ComparedRow& row) { return row.is_by_time ? row.time : row.ratio; }

double distance(const ComparedRow& row) { return std::abs(std::log(*judged(row).p50)); }

std::vector<const ComparedRow*> drawable_rows(const Comparison& comparison) {
  std::vector<const ComparedRow*> rows;
  for (const ComparedRow& row : comparison.rows) {
    if (row.difference != Difference::kNotKnown && judged(row).p50.value_or(0) > 0) rows.push_back(&row);
  }
  return rows;
}

// As many as can be read, in the order of the runs.
std::vector<const ComparedRow*> most_different(std::vector<const ComparedRow*> rows) {
  if (rows.size() <= kMostBars) return rows;
  std::vector<const ComparedRow*> most = rows;
  const auto more = [](const ComparedRow* a, const ComparedRow* b) { return distance(*a) > distance(*b); };
  std::stable_sort(most.begin(), most.end(), more);
  most.resize(kMostBars);
  std::erase_if(rows, [&](const ComparedRow* row) { return std::find(most.begin(), most.end(), row) == most.end(); });
  return rows;
}

Ink difference_ink(Difference difference) {
  if (difference == Difference::kFaster) return Ink::kFaster;
  return difference == Difference::kSlower ? Ink::kSlower : Ink::kPeer;
}

// Groups are called alike but for a part or two: what of a group's name tells it from the first one's.
std::string bar_label(const ComparedRow& row, const ComparedRow& first) {
  const std::string own = own_parts(row.a.group, first.a.group);
  return own.empty() ? row.a.label : row.a.label + ", " + own;
}

Bars difference_bars(const std::vector<const ComparedRow*>& rows) {
  Bars bars{{"B by A", plain_text, true}, {}};
  for (const ComparedRow* const row : rows) {
    const report::Median& ratio = judged(*row);
    const std::string hover =
        fmt::format("{}: {}, {}", row->a.name, report::ratio_cell(ratio), report::word_cell(*row));
    bars.bars.push_back({bar_label(*row, *rows.front()),
                         {{*ratio.p50, difference_ink(row->difference), hover}},
                         fmt::format("{:.3f}{}", *ratio.p50, row->is_by_time ? " *" : ""),
                         ratio.low,
                         ratio.high});
  }
  bars.legend = {{"faster", Ink::kFaster}, {"slower", Ink::kSlower}, {"no difference seen", Ink::kPeer}};
  bars.mark = 1;
  return bars;
}

Table context_table(const Comparison& comparison) {
  Table table{"What else differs", {"", "A", "B"}, {}, true};
  for (const report::ExactDifference& difference : comparison.context) {
    table.rows.push_back({difference.name, known_text(difference.a), known_text(difference.b)});
  }
  return table;
}

std::vector<Table> row_tables(const Comparison& comparison) {
  std::vector<Table> tables;
  for (const ComparedRow& row : comparison.rows) {
    if (tables.empty() || tables.back().caption != row.a.group) {
      tables.push_back({row.a.group, {"row", "A", "B", "time B/A [90 %]", "beside B/A [90 %]", "in B"}, {}});
    }
    tables.back().rows.push_back({row.a.label, report::time_cell(row.a.time), report::time_cell(row.b.time),
                                  report::ratio_cell(row.time), report::ratio_cell(row.ratio), report::word_cell(row)});
    for (const report::ExactDifference& exact : row.exact) {
      tables.back().rows.push_back({fmt::format("{}, {}", row.a.label, exact.name), known_text(exact.a),
                                    known_text(exact.b), "", "", "counted"});
    }
  }
  return tables;
}

// What only one run has, and what could not be compared.
Table left_table(const Comparison& comparison) {
  Table table{"Not compared", {"row", "why"}, {}, true};
  for (const std::string& name : comparison.only_a) table.rows.push_back({name, "only in A"});
  for (const std::string& name : comparison.only_b) table.rows.push_back({name, "only in B"});
  for (const auto& [name, why] : comparison.not_compared) table.rows.push_back({name, why});
  return table;
}

std::string hidden_html(const char* summary, const std::vector<Table>& tables) {
  std::string html;
  for (const Table& table : tables) {
    if (!table.rows.empty()) html += html_of(table);
  }
  return html.empty() ? "" : fmt::format("<details><summary>{}</summary>\n{}</details>\n", summary, html);
}

std::string drift_text(const Comparison& comparison) {
  if (!comparison.drift) return "";
  return fmt::format(" Plain copies took {:.2f} to {:.2f} times as long in B as in A: so much is the machine.",
                     comparison.drift->least, comparison.drift->most);
}

}  // namespace

std::string differences_html(const Comparison& comparison, const std::string& id, Painter& painter) {
  constexpr const char* kTitle = "What is faster, and what is slower";
  std::string html = fmt::format("<section id=\"{}\">\n<h2>{} (B) against {} (A)</h2>\n", id,
                                 escaped(comparison.b.name), escaped(comparison.a.name));
  if (comparison.rows.empty() && comparison.not_compared.empty()) {
    return html + paragraph("The two have no row in common: nothing is compared.", "note") + "</section>\n";
  }
  html += paragraph(report::summary_of(comparison) + ".", "reading");
  html += paragraph(fmt::format("Each row of B as a multiple of the same row of A, with its 90 % interval; left of the "
                                "line is faster. Judged is each sample beside what ran right before or after it in its "
                                "run, as what the machine did falls out then; a star: by time, as nothing ran beside "
                                "it. Within {:.0f} % two processes of one program differ too.{}",
                                100 * report::kCompareMargin, drift_text(comparison)),
                    "about");
  const std::vector<const ComparedRow*> judged_rows = drawable_rows(comparison);
  const std::vector<const ComparedRow*> rows = most_different(judged_rows);
  if (!rows.empty()) html += painter.html_of({{"", difference_bars(rows)}}, id, kTitle);
  if (rows.size() < judged_rows.size()) html += paragraph("Drawn are those that differ most.", "note");
  if (!comparison.context.empty()) html += html_of(context_table(comparison));
  for (const std::string& note : comparison.notes) html += paragraph(note, "note");
  html += hidden_html("Every row", row_tables(comparison));
  html += hidden_html("What was not compared", {left_table(comparison)});
  return html +
         fmt::format("<p class=\"command\">The same in a terminal: {}</p>\n",
                     code(fmt::format("vmbsave compare {} {}", comparison.a.name, comparison.b.name))) +
         "</section>\n";
}

}  // namespace vmbsave::page
