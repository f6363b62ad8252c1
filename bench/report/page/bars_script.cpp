#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/page/axis.hpp"
#include "report/page/script.hpp"

namespace vmbsave::page {
namespace {

constexpr unsigned kRowHigh = 25;  // pixels
constexpr unsigned kNarrowRowHigh = 42;
constexpr unsigned kAxisHigh = 62;
constexpr double kTextShare = 0.62;  // of the axis, at most, for the text behind a bar
constexpr double kMostLabelsWide = 340;
constexpr double kRightMargin = 22;
constexpr double kLegendHigh = 24;
constexpr double kLegendFrom = 14;
constexpr double kSquare = 12;
constexpr double kSquareGap = 6;
constexpr double kEntryGap = 24;
constexpr unsigned kAboveHigh = 10;

double length_of(const Bar& bar) {
  double length = 0;
  for (const Segment& segment : bar.segments) length += segment.value;
  return length;
}

double end_of(const Bar& bar) { return std::max(length_of(bar), bar.high.value_or(0)); }

// Pixels for the labels on the left.
double labels_wide(const Bars& bars) {
  std::size_t longest = 0;
  for (const Bar& bar : bars.bars) longest = std::max(longest, bar.label.size());
  return std::min(static_cast<double>(longest) * kCharacterWide, kMostLabelsWide);
}

double axis_from(const Bars& bars, Width width) { return width == Width::kNarrow ? 18 : labels_wide(bars) + 18; }

// Pixels of the axis.
double axis_wide(const Bars& bars, Width width) { return pixels_wide(width) - axis_from(bars, width) - kRightMargin; }

// Of the axis.
double text_share(const Bars& bars, const Bar& bar, Width width) {
  const double text = static_cast<double>(bar.text.size() + 2) * kCharacterWide / axis_wide(bars, width);
  return std::min(text, kTextShare + 0.06);
}

// Where the text begins: behind the bar, and where the mark would strike it out, behind the mark.
double text_from(const Bars& bars, const Bar& bar, Width width, const Range& range) {
  const double end = end_of(bar);
  if (!bars.mark || end >= *bars.mark) return end;
  const double place = place_in(bars.x, range, end);
  return place + text_share(bars, bar, width) > place_in(bars.x, range, *bars.mark) ? *bars.mark : end;
}

// With room for the text behind each bar.
Range bars_range(const Bars& bars, Width width) {
  std::vector<double> ends;
  for (const Bar& bar : bars.bars) ends.insert(ends.end(), {end_of(bar), bar.low.value_or(length_of(bar))});
  if (bars.mark) ends.push_back(*bars.mark);
  Range range = range_of(bars.x, ends);
  const Range data = range;
  for (const Bar& bar : bars.bars) {
    const double place = place_in(bars.x, data, text_from(bars, bar, width, data)) / (1 - text_share(bars, bar, width));
    const double to =
        bars.x.log ? data.from * std::pow(data.to / data.from, place) : data.from + (data.to - data.from) * place;
    range.to = std::max(range.to, to);
  }
  return range;
}

// The first bar is on top.
double height_of(const Bars& bars, std::size_t i) { return static_cast<double>(bars.bars.size() - 1 - i); }

std::string labels(const Bars& bars, Width width, const Range& range) {
  std::string text;
  for (std::size_t i = 0; i < bars.bars.size(); ++i) {
    const Bar& bar = bars.bars[i];
    const double y = height_of(bars, i);
    if (width == Width::kWide) {
      text += fmt::format("set label {} at graph 0, first {} right offset character -0.8, 0 {}\n",
                          fitted(bar.label, labels_wide(bars)), y, text_color(Ink::kAxis));
    } else {
      text += fmt::format("set label {} at first {}, first {} left offset character 0.4, 0 front {}\n",
                          fitted(bar.label, axis_wide(bars, width)), range.from, y + 0.5, text_color(Ink::kAxis));
    }
    text += fmt::format("set label {} at first {}, first {} left offset character 0.8, 0 front {}\n",
                        fitted(bar.text, kTextShare * axis_wide(bars, width)), text_from(bars, bar, width, range), y,
                        text_color(Ink::kAxis));
  }
  return text + "unset ytics\n";
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
             "using 3:2:($4-$3):(0) with vectors nohead lw 1.5 " + color(Ink::kAxis), bar.text);
  }
}

// Where each entry of the legend begins, in pixels from the upper left corner: in lines, as many as are needed.
struct Place {
  double x;
  double y;
};

std::vector<Place> legend_places(const Bars& bars, Width width) {
  std::vector<Place> places;
  Place next{kLegendFrom, kSquare};
  for (const auto& [name, ink] : bars.legend) {
    const double wide = kSquare + kSquareGap + static_cast<double>(name.size()) * kCharacterWide;
    if (next.x + wide > pixels_wide(width)) next = {kLegendFrom, next.y + kLegendHigh};
    places.push_back(next);
    next.x += wide + kEntryGap;
  }
  return places;
}

std::string legend(const Bars& bars, const std::vector<Place>& places, Width width, unsigned high) {
  std::string text;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& [name, ink] = bars.legend[i];
    const double x = places[i].x / pixels_wide(width);
    const double y = 1 - places[i].y / high;
    text += fmt::format(
        "set object rectangle center screen {:.4f}, screen {:.4f} size screen {:.4f}, screen {:.4f} fillcolor rgb '{}' "
        "fillstyle solid noborder\n",
        x, y, kSquare / pixels_wide(width), kSquare / high, ink_rgb(ink));
    text += fmt::format("set label {} at screen {:.4f}, screen {:.4f} left {}\n", single_quoted(name),
                        x + (kSquare / 2 + kSquareGap) / pixels_wide(width), y, text_color(Ink::kAxis));
  }
  return text;
}

// Across all bars; where labels stand between these, beside each bar alone.
std::string mark_lines(const Bars& bars, Width width) {
  if (!bars.mark) return "";
  const auto line = [&](const std::string& from, const std::string& to) {
    return fmt::format("set arrow from first {0}, {1} to first {0}, {2} back nohead lw 1.5 dt (6,4) {3}\n", *bars.mark,
                       from, to, color(Ink::kAxis));
  };
  if (width == Width::kWide) return line("graph 0", "graph 1");
  std::string text;
  for (std::size_t i = 0; i < bars.bars.size(); ++i) {
    const double y = height_of(bars, i);
    text += line(fmt::format("first {}", y - 0.25), fmt::format("first {}", y + 0.25));
  }
  return text;
}

}  // namespace

Script bars_script(const Bars& bars, Width width) {
  const Range range = bars_range(bars, width);
  const auto rows = static_cast<unsigned>(bars.bars.size());
  const bool is_wide = width == Width::kWide;
  const std::vector<Place> places = legend_places(bars, width);
  const unsigned above = kAboveHigh + (places.empty() ? 0 : static_cast<unsigned>(places.back().y + kSquare));
  const unsigned high = above + kAxisHigh + rows * (is_wide ? kRowHigh : kNarrowRowHigh);
  Script script;
  script.text = terminal(width, high) + margins(high, above, kAxisHigh);
  script.text += fmt::format("set lmargin at screen {:.4f}\nset rmargin at screen {:.4f}\n",
                             axis_from(bars, width) / pixels_wide(width), 1 - kRightMargin / pixels_wide(width));
  if (bars.x.log) script.text += "set logscale x\n";
  script.text += fmt::format("set xrange [{}:{}]\nset yrange [-0.6:{}]\nset xtics {}\n", range.from, range.to,
                             rows - (is_wide ? 0.4 : 0.1), tics_of(bars.x, range, is_wide ? 0.1 : 0.22));
  script.text += fmt::format("set xlabel {} {}\n", single_quoted(bars.x.label), text_color(Ink::kAxis));
  script.text += is_wide ? "set grid noytics\n" : "unset grid\n";  // it would strike out what stands above the bars
  script.text += mark_lines(bars, width);
  script.text += labels(bars, width, range) + legend(bars, places, width, high);
  std::vector<std::string> plots;
  for (std::size_t i = 0; i < bars.bars.size(); ++i) add_bar(bars, i, width, script, plots);
  script.text += fmt::format("plot {}\n", fmt::join(plots, ", \\\n     "));
  return script;
}

}  // namespace vmbsave::page
