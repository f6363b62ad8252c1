#include "report/page/ink.hpp"

#include <fmt/format.h>

namespace vmbsave::page {
namespace {

struct Shades {
  const char* name;
  const char* light;
  const char* dark;
};

// The colours of Okabe and Ito, lighter where they would drown in a dark page.
constexpr std::array<Shades, kInks> kShades{{{"engine", "#0072b2", "#4db2ff"},
                                             {"exact", "#3d8ec9", "#8fd0ff"},
                                             {"c-face", "#00855f", "#2ccfa0"},
                                             {"floor", "#333333", "#e0e0e0"},
                                             {"documented", "#c45100", "#ff8a3d"},
                                             {"peer", "#767676", "#9a9a9a"},
                                             {"orange", "#e69f00", "#f0b429"},
                                             {"pink", "#cc79a7", "#e59cc4"},
                                             {"yellow", "#cdbd1b", "#f0e442"},
                                             {"axis", "#444444", "#c8c8c8"},
                                             {"grid", "#dddddd", "#3a3f44"},
                                             {"band", "#fbe9d0", "#3b3122"},
                                             {"faster", "#12768a", "#45c4da"},
                                             {"slower", "#b0306a", "#ff7ab0"}}};

std::string variables(const char* Shades::*shade) {
  std::string text;
  for (const Shades& shades : kShades) text += fmt::format("--ink-{}:{};", shades.name, shades.*shade);
  return text;
}

}  // namespace

std::string ink_rgb(Ink ink) { return fmt::format("#0100{:02x}", static_cast<unsigned>(ink)); }

std::array<std::string, 2> ink_written(Ink ink) {
  const auto number = static_cast<unsigned>(ink);
  return {fmt::format("rgb(  1,   0, {:3})", number), fmt::format("rgb(1,0,{})", number)};
}

std::string ink_variable(Ink ink) { return fmt::format("var(--ink-{})", kShades[static_cast<unsigned>(ink)].name); }

Ink ink_of(const std::string& implementation, const std::string& plan) {
  if (implementation == "engine") return plan == "exact" ? Ink::kExact : Ink::kEngine;
  if (implementation == "c_face") return Ink::kCFace;
  if (implementation == "copy_floor" || implementation == "contract_floor") return Ink::kFloor;
  return implementation == "documented_sequential" ? Ink::kDocumented : Ink::kPeer;
}

std::string ink_css() {
  return fmt::format(":root{{{}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}\n",
                     variables(&Shades::light), variables(&Shades::dark));
}

}  // namespace vmbsave::page
