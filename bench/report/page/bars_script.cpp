#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/script.hpp"

namespace vmbsave::page {
namespace {

constexpr unsigned kRowHigh = 25;  // pixels
constexpr unsigned kNarrowRowHigh = 42;
constexpr unsigned kAxisHigh = 62;
constexpr unsigned kLegendHigh = 24;
constexpr unsigned kAboveHigh = 10;
constexpr double kTextRoom = 1.22;  // of the longest bar, for the text behind it

double length_of(const Bar& bar) {
  double length = 0;
  for (const Segment& segment : bar.segments) length += segment.value;
  return length;
}

Range bars_range(const Bars& bars) {
  std::vector<double> ends;
  for (const Bar& bar : bars.bars) {
    const double length = length_of(bar);
    ends.insert(ends.end(), {length, bar.low.value_or(length), bar.high.value_or(length)});
  }
  if (bars.mark) ends.push_back(*bars.mark);
  Range range = range_of(bars.x, ends);
  if (bars.x.to) return range;
  const double width = range.to - range.from;
  range.to = bars.x.log ? range.to * 1.5 : range.from + width * kTextRoom;
  return range;
}

// The first bar is on top.
double height_of(const Bars& bars, std::size_t i) { return static_cast<double>(bars.bars.size() - 1 - i); }

std::string labels(const Bars& bars, Width width, const Range& range) {
  std::string text;
  std::string tics;
  for (std::size_t i = 0; i < bars.bars.size(); ++i) {
    const Bar& bar = bars.bars[i];
    const double y = height_of(bars, i);
    if (width == Width::kWide) {
      tics += fmt::format("{}{} {}", tics.empty() ? "" : ", ", quoted(bar.label), y);
    } else {
      text += fmt::format("set label {} at first {}, first {} left front textcolor rgb '{}'\n", quoted(bar.label),
                          range.from, y + 0.5, ink_rgb(Ink::kAxis));
    }
    const double end = std::max(length_of(bar), bar.high.value_or(0));
    text += fmt::format("set label {} at first {}, first {} left offset character 0.8, 0 front textcolor rgb '{}'\n",
                        quoted(bar.text), end, y, ink_rgb(Ink::kAxis));
  }
  return text + (tics.empty() ? "unset ytics\n" : fmt::format("set ytics ({}) scale 0\n", tics));
}

void add_plot(Script& script, std::vector<std::string>& plots, const std::string& data, const std::string& how,
              const std::string& hover) {
  const std::string name = fmt::format("$b{}", plots.size());
  script.text += fmt::format("{} << EOD\n{}\nEOD\n", name, data);
  plots.push_back(fmt::format("{} {} notitle", name, how));
  script.hovers.push_back(hover);
}

void add_bar(const Bars& bars, std::size_t i, Width width, Script& script, std::vector<std::string>& plots) {
  const Bar& bar = bars.bars[i];
  const double y = height_of(bars, i);
  const double half = width == Width::kWide ? 0.36 : 0.22;
  double from = 0;
  for (const Segment& segment : bar.segments) {
    const double to = from + segment.value;
    if (bars.x.log) {
      add_plot(script, plots, fmt::format("{} {}", to, y), "using 1:2 with points pt 7 ps 0.8 " + color(segment.ink),
               segment.hover);
    } else if (segment.value > 0) {
      add_plot(script, plots, fmt::format("{} {} {} {} {} {}", (from + to) / 2, y, from, to, y - half, y + half),
               "using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder " + color(segment.ink), segment.hover);
    }
    from = to;
  }
  if (bar.low && bar.high) {
    add_plot(script, plots, fmt::format("{} {} {} {}", length_of(bar), y, *bar.low, *bar.high),
             "using 1:2:3:4 with xerrorbars pt 0 lw 1.5 " + color(Ink::kAxis), bar.text);
  }
}

std::string legend(const Bars& bars, std::vector<std::string>& plots, Script& script) {
  if (bars.legend.empty()) return "";
  for (const auto& [name, ink] : bars.legend) {
    plots.push_back(fmt::format("1/0 with points pt 5 ps 1.2 {} title {}", color(ink), quoted(name)));
    script.hovers.push_back(name);
  }
  return fmt::format("set key outside above left horizontal Left reverse samplen 0.5 width -2 textcolor rgb '{}'\n",
                     ink_rgb(Ink::kAxis));
}

unsigned legend_high(const Bars& bars, Width width) {
  const auto entries = static_cast<unsigned>(bars.legend.size());
  const unsigned in_line = width == Width::kWide ? 5 : 2;
  return (entries + in_line - 1) / in_line * kLegendHigh;
}

}  // namespace

Script bars_script(const Bars& bars, Width width) {
  const Range range = bars_range(bars);
  const auto rows = static_cast<unsigned>(bars.bars.size());
  const bool is_wide = width == Width::kWide;
  Script script;
  const unsigned above = legend_high(bars, width) + kAboveHigh;
  const unsigned high = above + kAxisHigh + rows * (is_wide ? kRowHigh : kNarrowRowHigh);
  script.text = terminal(width, high);
  script.text += fmt::format("set tmargin at screen {:.4f}\nset bmargin at screen {:.4f}\n",
                             1 - static_cast<double>(above) / high, static_cast<double>(kAxisHigh) / high);
  if (bars.x.log) script.text += "set logscale x\n";
  script.text += fmt::format("set xrange [{}:{}]\nset yrange [-0.6:{}]\nset xtics {}\n", range.from, range.to,
                             rows - (is_wide ? 0.4 : 0.1), tics_of(bars.x, range));
  script.text +=
      fmt::format("set grid noytics\nset xlabel {} textcolor rgb '{}'\n", quoted(bars.x.label), ink_rgb(Ink::kAxis));
  if (bars.mark) {
    script.text += fmt::format("set arrow from first {0}, graph 0 to first {0}, graph 1 nohead lw 1.5 dt (6,4) {1}\n",
                               *bars.mark, color(Ink::kAxis));
  }
  if (!is_wide) script.text += "set xtics rotate by -35\n";
  script.text += labels(bars, width, range);
  std::vector<std::string> plots;
  for (std::size_t i = 0; i < bars.bars.size(); ++i) add_bar(bars, i, width, script, plots);
  script.text += legend(bars, plots, script);
  script.text += fmt::format("plot {}\n", fmt::join(plots, ", \\\n     "));
  return script;
}

}  // namespace vmbsave::page
