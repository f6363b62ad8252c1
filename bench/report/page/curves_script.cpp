#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/page/axis.hpp"
#include "report/page/script.hpp"

namespace vmbsave::page {
namespace {

constexpr unsigned kAxesHigh = 350;  // pixels
constexpr unsigned kAboveAxes = 34;
constexpr unsigned kBelowAxes = 64;
constexpr unsigned kKeyLine = 19;
constexpr double kMostNamesWide = 280;
constexpr double kNamesFrom = 56;              // right of the axes
constexpr double kNameGap = 16.0 / kAxesHigh;  // from one name to the next, of the height of the axes

struct Ranges {
  Range x;
  Range y;
};

Ranges ranges_of(const Curves& curves) {
  std::vector<double> x;
  std::vector<double> y;
  for (const Curve& curve : curves.curves) {
    for (const Point& point : curve.points) {
      if (std::isnan(point.y)) continue;
      x.push_back(point.x);
      y.insert(y.end(), {point.y, point.low.value_or(point.y), point.high.value_or(point.y)});
    }
  }
  return {range_of(curves.x, x), range_of(curves.y, y)};
}

std::string axis_lines(const char* name, const Axis& axis, const Range& range, double gap) {
  return fmt::format("{}set {}range [{}:{}]\nset {}tics {}\n", axis.log ? fmt::format("set logscale {}\n", name) : "",
                     name, range.from, range.to, name, tics_of(axis, range, gap));
}

// What the y axis shows stands above it, where it is read without turning one's head.
std::string titles(const Curves& curves, unsigned high) {
  return fmt::format("set xlabel {} {}\nset label {} at screen 0.008, screen {:.4f} left {}\n",
                     single_quoted(curves.x.label), text_color(Ink::kAxis), single_quoted(curves.y.label),
                     1 - 12.0 / high, text_color(Ink::kAxis));
}

// Names that stand a line apart, one above the other.
struct NameGroup {
  std::size_t count;
  double middle;  // of the heights at which their curves end
  double half() const { return static_cast<double>(count - 1) / 2 * kNameGap; }
};

// From the lowest to the highest, each at least a line above the one before, and as near to `places` as that leaves
// room: those that would lie on each other are set apart around their middle.
std::vector<double> spread(const std::vector<double>& places) {
  constexpr double kHighest = 1.02;
  std::vector<NameGroup> groups;
  for (const double place : places) {
    NameGroup group{1, place};
    while (!groups.empty() && groups.back().middle + groups.back().half() + kNameGap > group.middle - group.half()) {
      const NameGroup& below = groups.back();
      const auto count = static_cast<double>(group.count);
      const auto count_below = static_cast<double>(below.count);
      group = {group.count + below.count, (group.middle * count + below.middle * count_below) / (count + count_below)};
      group.middle = std::max(std::min(group.middle, kHighest - group.half()), group.half());
      groups.pop_back();
    }
    groups.push_back(group);
  }
  std::vector<double> apart;
  for (const NameGroup& group : groups) {
    for (std::size_t i = 0; i < group.count; ++i) {
      apart.push_back(group.middle - group.half() + static_cast<double>(i) * kNameGap);
    }
  }
  return apart;
}

// Where the axes end, as a share of the width.
double names_from(const Curves& curves) {
  std::size_t longest = 0;
  for (const Curve& curve : curves.curves) longest = std::max(longest, curve.name.size());
  const double wide = std::min(static_cast<double>(longest) * kCharacterWide, kMostNamesWide);
  return 1 - (kNamesFrom + wide) / pixels_wide(Width::kWide);
}

// An implementation's is everywhere the same, as its ink is; peers take turns.
int mark_of(const Curve& curve, std::size_t number) {
  constexpr int kMarks[] = {7, 5, 9, 13, 11};  // engine, exact, c_face, floor, documented
  constexpr int kPeerMarks[] = {6, 4, 8, 12, 10, 14, 1, 2, 3};
  const auto ink = static_cast<std::size_t>(curve.ink);
  return ink < std::size(kMarks) ? kMarks[ink] : kPeerMarks[number % std::size(kPeerMarks)];
}

double mark_size(const Curve& curve) {
  if (curve.stroke == Curve::Stroke::kNone) return 1;
  return 0.65;
}

std::string marks(const Curve& curve, std::size_t number) {
  return fmt::format("pt {} ps {}", mark_of(curve, number), mark_size(curve));
}

// Where a curve's line ends; nullptr: nothing of it is drawn.
const Point* last_drawn(const Curve& curve) {
  const auto drawn = [](const Point& point) { return !std::isnan(point.y); };
  const auto last = std::find_if(curve.points.rbegin(), curve.points.rend(), drawn);
  return last == curve.points.rend() ? nullptr : &*last;
}

// The name of each curve on the right, at the height at which it ends or as near as there is room.
std::string names(const Curves& curves, const Ranges& ranges) {
  std::vector<const Curve*> order;
  for (const Curve& curve : curves.curves) {
    if (last_drawn(curve) != nullptr) order.push_back(&curve);
  }
  const auto end_of = [&](const Curve* curve) { return place_in(curves.y, ranges.y, last_drawn(*curve)->y); };
  std::sort(order.begin(), order.end(), [&](const Curve* a, const Curve* b) { return end_of(a) < end_of(b); });
  std::vector<double> places;
  for (const Curve* const curve : order) places.push_back(end_of(curve));
  places = spread(places);
  std::string text;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Point& last = *last_drawn(*order[i]);
    const Curve& curve = *order[i];
    text += fmt::format("set label {} at graph 1.055, graph {:.4f} left offset character 1, -0.3 point {} {} {}\n",
                        fitted(curve.name, kMostNamesWide), places[i],
                        marks(curve, static_cast<std::size_t>(&curve - curves.curves.data())), color(curve.ink),
                        text_color(curve.ink));
    text += fmt::format("set arrow from first {}, first {} to graph 1.045, graph {:.4f} back nohead lw 0.6 {}\n",
                        last.x, last.y, places[i], color(curve.ink));
  }
  return text;
}

std::string bands(const std::vector<Band>& bands) {
  std::string text;
  for (const Band& band : bands) {
    text += fmt::format(
        "set object rectangle from first {}, graph 0 to first {}, graph 1 behind fillcolor rgb '{}' "
        "fillstyle solid noborder\n",
        band.from, band.to, ink_rgb(Ink::kBand));
  }
  return text;
}

std::string data(const Curve& curve, std::size_t number) {
  std::string text = fmt::format("$c{} << EOD\n", number);
  for (const Point& point : curve.points) {
    if (std::isnan(point.y)) {
      text += "\n";
      continue;
    }
    text += fmt::format("{} {} {} {} {}\n", point.x, point.y, point.low.value_or(point.y), point.high.value_or(point.y),
                        double_quoted(point.hover));
  }
  return text + "EOD\n";
}

// Peers, all in one colour, take turns.
const char* dashes_of(const Curve& curve, std::size_t number) {
  constexpr const char* kPeerDashes[] = {"", " dt (9,3)", " dt (3,3)", " dt (9,3,2,3)"};
  if (curve.stroke == Curve::Stroke::kDashed) return " dt (8,5)";
  return curve.ink == Ink::kPeer ? kPeerDashes[number % std::size(kPeerDashes)] : "";
}

std::string style_of(const Curve& curve, std::size_t number) {
  const double wide = curve.is_emphasised ? 3.5 : curve.ink == Ink::kPeer ? 1.4 : 2;
  return fmt::format("lw {} {}{}", wide, color(curve.ink), dashes_of(curve, number));
}

// The line, the intervals, the points, each of which says on hover what it is, and the line of the key.
void add_plots(const Curve& curve, std::size_t number, bool has_key, std::vector<std::string>& plots, Script& script) {
  const std::string from = fmt::format("$c{} using ", number);
  const auto add = [&](const std::string& plot) {
    plots.push_back(plot);
    script.hovers.push_back(curve.name);
  };
  const std::string mark = marks(curve, number);
  const bool has_line = curve.stroke != Curve::Stroke::kNone;
  if (has_line) add(fmt::format("{}1:2 with lines {} notitle", from, style_of(curve, number)));
  const bool has_interval =
      std::any_of(curve.points.begin(), curve.points.end(), [](const Point& point) { return point.low.has_value(); });
  if (has_interval) add(fmt::format("{}1:3:(0):($4-$3) with vectors nohead lw 1.5 {} notitle", from, color(curve.ink)));
  const bool has_marks =
      std::any_of(curve.points.begin(), curve.points.end(), [](const Point& point) { return !point.hover.empty(); });
  if (has_marks) add(fmt::format("{}1:2:5 with labels hypertext point {} {} notitle", from, mark, color(curve.ink)));
  if (!has_key) return;
  const std::string key = !has_line   ? "points " + color(curve.ink) + " " + mark
                          : has_marks ? "linespoints " + style_of(curve, number) + " " + mark
                                      : "lines " + style_of(curve, number);
  add(fmt::format("1/0 with {} title {}", key, single_quoted(curve.name)));
}

}  // namespace

Script curves_script(const Curves& curves, Width width) {
  const Ranges ranges = ranges_of(curves);
  const bool is_wide = width == Width::kWide;
  const unsigned key_high = is_wide ? 0 : static_cast<unsigned>(curves.curves.size()) * kKeyLine + 10;
  const unsigned high = kAxesHigh + kAboveAxes + kBelowAxes + key_high;
  Script script;
  script.text = terminal(width, high);
  script.text += axis_lines("x", curves.x, ranges.x, is_wide ? 0.09 : 0.24);
  script.text += axis_lines("y", curves.y, ranges.y, 0.05);
  script.text += margins(high, kAboveAxes, kBelowAxes + key_high) + titles(curves, high) + bands(curves.bands);
  if (is_wide) {
    script.text += fmt::format("set rmargin at screen {:.4f}\n", names_from(curves)) + names(curves, ranges);
  } else {
    script.text += fmt::format("set key at screen 0, screen {:.4f} left top Left reverse maxcols 1 samplen 3 {}\n",
                               static_cast<double>(key_high) / high, text_color(Ink::kAxis));
  }
  std::vector<std::string> plots;
  for (std::size_t i = 0; i < curves.curves.size(); ++i) {
    script.text += data(curves.curves[i], i);
    add_plots(curves.curves[i], i, !is_wide, plots, script);
  }
  script.text += fmt::format("plot {}\n", fmt::join(plots, ", \\\n     "));
  return script;
}

}  // namespace vmbsave::page
