// script.hpp: a drawing as gnuplot takes it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/page/drawing.hpp"

namespace vmbsave::page {

// How wide the figure is shown: beside its labels, or on a phone with the labels below.
enum class Width : unsigned char { kWide, kNarrow };

struct Script {
  std::string text;
  std::vector<std::string> hovers;  // of each plot, in order; what gnuplot would name gnuplot_plot_1 and so on
};

Script script_of(const Drawing& drawing, Width width);

// The two kinds.
Script curves_script(const Curves& curves, Width width);
Script bars_script(const Bars& bars, Width width);

// The beginning of each.
std::string terminal(Width width, unsigned pixels_high);
unsigned pixels_wide(Width width);
std::string margins(unsigned pixels_high, unsigned above, unsigned below);  // of the axes, in pixels

// `text` within single quotes, in which gnuplot replaces nothing; in data within double ones. What would end either, or
// a line, becomes another character.
std::string single_quoted(std::string_view text);
std::string double_quoted(std::string_view text);

// `text` as a label's text and font: smaller where it would be wider than so many pixels, and shorter where that would
// be too small to read.
std::string fitted(std::string_view text, double pixels);

constexpr double kCharacterWide = 7.2;  // pixels, at most on average

std::string color(Ink ink);       // lc rgb '#010003'
std::string text_color(Ink ink);  // textcolor rgb '#010003'

}  // namespace vmbsave::page
