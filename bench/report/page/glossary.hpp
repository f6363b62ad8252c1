// glossary.hpp: the words of a page, for who sees the project for the first time.
#pragma once

#include <string>

namespace vmbsave::page {

std::string glossary_html();

}  // namespace vmbsave::page
