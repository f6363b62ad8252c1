#include "report/page/script.hpp"

#include <fmt/format.h>

namespace vmbsave::page {
namespace {

std::string harmless(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < ' ' || code == 0x7f || c == '\\') {
      result += '?';
    } else if (c == '\'' || c == '`') {
      result += "\u2019";
    } else {
      result += c == '"' ? "\u201d" : std::string(1, c);
    }
  }
  return result;
}

}  // namespace

Script script_of(const Drawing& drawing, Width width) {
  if (const Curves* const curves = std::get_if<Curves>(&drawing)) return curves_script(*curves, width);
  return bars_script(std::get<Bars>(drawing), width);
}

unsigned pixels_wide(Width width) { return width == Width::kWide ? 840 : 350; }

std::string terminal(Width width, unsigned pixels_high) {
  return fmt::format(
      "set terminal svg size {},{} dynamic noenhanced font 'sans-serif,13'\n"
      "set encoding utf8\n"
      "set border 3 {}\n"
      "set tics nomirror out scale 0.5 textcolor rgb '{}'\n"
      "set grid lt 1 lw 1 {}\n"
      "unset key\n",
      pixels_wide(width), pixels_high, color(Ink::kAxis), ink_rgb(Ink::kAxis), color(Ink::kGrid));
}

std::string quoted(std::string_view text) { return "'" + harmless(text) + "'"; }

std::string quoted_in_data(std::string_view text) { return "\"" + harmless(text) + "\""; }

std::string margins(unsigned pixels_high, unsigned above, unsigned below) {
  const double high = pixels_high;
  return fmt::format("set tmargin at screen {:.4f}\nset bmargin at screen {:.4f}\n", 1 - above / high, below / high);
}

std::string text_color(Ink ink) { return fmt::format("textcolor rgb '{}'", ink_rgb(ink)); }

std::string color(Ink ink) { return fmt::format("lc rgb '{}'", ink_rgb(ink)); }

}  // namespace vmbsave::page
