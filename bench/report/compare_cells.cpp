#include "report/compare_cells.hpp"

#include <fmt/format.h>

#include <array>

#include "report/result_text.hpp"

namespace vmbsave::report {
namespace {

std::string number_cell(double value) {
  return value < 9.9995 ? fmt::format("{:.3f}", value) : fmt::format("{:.1f}", value);
}

}  // namespace

std::string time_cell(const Median& time) { return time.p50 ? duration_text(*time.p50) : "-"; }

std::string ratio_cell(const Median& ratio) {
  if (!ratio.p50) return "-";
  if (!ratio.low || !ratio.high) return number_cell(*ratio.p50) + " [not known]";
  return fmt::format("{} [{}, {}]", number_cell(*ratio.p50), number_cell(*ratio.low), number_cell(*ratio.high));
}

std::string word_cell(const ComparedRow& row) {
  if (row.a.is_yardstick) return "plain copy";
  const std::string word = difference_word(row.difference);
  return row.is_by_time && row.difference != Difference::kNotKnown ? word + " *" : word;
}

std::string summary_of(const Comparison& comparison) {
  std::array<std::size_t, 4> counts{};
  std::size_t copies = 0;
  for (const ComparedRow& row : comparison.rows) {
    if (row.a.is_yardstick) {
      ++copies;
    } else {
      ++counts[static_cast<unsigned>(row.difference)];
    }
  }
  std::string text = fmt::format("{} rows compared, and {} of plain copies:", comparison.rows.size() - copies, copies);
  for (const Difference difference :
       {Difference::kFaster, Difference::kSlower, Difference::kNoneSeen, Difference::kNotKnown}) {
    text += fmt::format("{} {} {}", difference == Difference::kFaster ? "" : ",",
                        counts[static_cast<unsigned>(difference)], difference_word(difference));
  }
  return text;
}

}  // namespace vmbsave::report
