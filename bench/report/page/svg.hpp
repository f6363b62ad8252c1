// svg.hpp: what gnuplot draws, made fit to stand in a page beside others of its kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vmbsave::page {

// From gnuplot's file an element <svg>: its ids begin with `id`, it runs no scripts, its colours are the variables of
// ink_css, its font is the page's, and what each plot and point is stands in a <title> of its own. `hovers`: of the
// plots, in order. `label` is read aloud.
std::string inline_svg(std::string_view gnuplot, const std::string& id, const std::string& label,
                       const std::vector<std::string>& hovers);

// The element as a file of its own.
std::string standalone_svg(std::string_view svg);

}  // namespace vmbsave::page
