// glossary.hpp: the words of a page, for who sees the project for the first time.
#pragma once

#include <string>
#include <string_view>

namespace vmbsave::page {

// Of what is on the page, and what every page speaks of.
std::string glossary_html(std::string_view page);

}  // namespace vmbsave::page
