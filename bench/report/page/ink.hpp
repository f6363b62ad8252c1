// ink.hpp: the colours of figures: few, told apart by the colour-blind, and one implementation's everywhere the same.
#pragma once

#include <array>
#include <string>

namespace vmbsave::page {

enum class Ink : unsigned char {
  kEngine,      // the fused plan, which the eye is to find first
  kExact,       // the engine's other plan
  kCFace,       // the engine through C
  kFloor,       // what is compared with
  kDocumented,  // the documented protocol, one packet after another
  kPeer,        // everything else
  kOrange,      // for parts of a whole, beside the others
  kPink,
  kYellow,
  kAxis,
  kGrid,
  kBand,    // behind a part of a time line
  kFaster,  // of two runs
  kSlower,
};
inline constexpr unsigned kInks = static_cast<unsigned>(Ink::kSlower) + 1;

// As gnuplot takes it, and the two ways in which it writes it: a colour that nothing else has, which `ink_variable`
// replaces.
std::string ink_rgb(Ink ink);                     // "#010003"
std::array<std::string, 2> ink_written(Ink ink);  // "rgb(  1,   0,   3)" and "rgb(1,0,3)"

std::string ink_variable(Ink ink);  // "var(--ink-floor)"

// Of an implementation, as its results name it.
Ink ink_of(const std::string& implementation, const std::string& plan);

// The variables for light and dark, as CSS.
std::string ink_css();

}  // namespace vmbsave::page
