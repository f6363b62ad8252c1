// drawing.hpp: what a figure shows, without how it is drawn.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "report/page/ink.hpp"

namespace vmbsave::page {

using Text = std::string (*)(double);  // of a value, as it stands at an axis

struct Axis {
  std::string label;  // with the unit
  Text text;
  bool log = false;
  std::optional<double> from = {};  // absent: from the data
  std::optional<double> to = {};
  std::vector<std::pair<double, std::string>> tics = {};  // empty: chosen by the range
};

struct Point {
  double x;
  double y;                        // not a number: here a line has a gap
  std::string hover;               // empty: a corner of the line, without a mark
  std::optional<double> low = {};  // of y
  std::optional<double> high = {};
};

struct Curve {
  std::string name;
  Ink ink;
  std::vector<Point> points;
  enum class Stroke : unsigned char { kLine, kDashed, kNone } stroke = Stroke::kLine;
  bool is_emphasised = false;
};

// A part of the x axis with a colour behind it.
struct Band {
  double from;
  double to;
};

struct Curves {
  Axis x;
  Axis y;
  std::vector<Curve> curves;
  std::vector<Band> bands = {};
};

struct Segment {
  double value;
  Ink ink;
  std::string hover;
};

// Bars that lie, one below another. With a logarithmic axis, which has no zero, each is a dot.
struct Bar {
  std::string label;
  std::vector<Segment> segments;  // one after the other
  std::string text;               // behind it
  std::optional<double> low = {};
  std::optional<double> high = {};
};

struct Bars {
  Axis x;
  std::vector<Bar> bars;
  std::vector<std::pair<std::string, Ink>> legend = {};
  std::optional<double> mark = {};  // a line across all of them
};

using Drawing = std::variant<Curves, Bars>;

}  // namespace vmbsave::page
