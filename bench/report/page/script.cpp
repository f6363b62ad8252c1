#include "report/page/script.hpp"

#include <fmt/format.h>

#include <algorithm>

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

std::string single_quoted(std::string_view text) { return "'" + harmless(text) + "'"; }

std::string double_quoted(std::string_view text) { return "\"" + harmless(text) + "\""; }

std::string margins(unsigned pixels_high, unsigned above, unsigned below) {
  const double high = pixels_high;
  return fmt::format("set tmargin at screen {:.4f}\nset bmargin at screen {:.4f}\n", 1 - above / high, below / high);
}

std::string text_color(Ink ink) { return fmt::format("textcolor rgb '{}'", ink_rgb(ink)); }

std::string fitted(std::string_view text, double pixels) {
  constexpr double kFont = 13;
  constexpr double kSmallest = 10;
  const auto most = static_cast<std::size_t>(pixels / kCharacterWide * kFont / kSmallest);
  std::string shown(text);
  if (shown.size() > most) {
    std::size_t cut = most > 0 ? most - 1 : 0;
    while (cut > 0 && (static_cast<unsigned char>(shown[cut]) & 0xc0) == 0x80) --cut;  // not within a character
    shown = shown.substr(0, cut) + "\u2026";
  }
  const double wide = static_cast<double>(shown.size()) * kCharacterWide;
  const double font = wide > pixels ? std::max(kSmallest, kFont * pixels / wide) : kFont;
  return fmt::format("{} font ',{:.1f}'", single_quoted(shown), font);
}

std::string color(Ink ink) { return fmt::format("lc rgb '{}'", ink_rgb(ink)); }

}  // namespace vmbsave::page
