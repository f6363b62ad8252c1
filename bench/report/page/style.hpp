// style.hpp: how a page looks: light and dark, on a phone, on a desk and on paper.
#pragma once

#include <string>

namespace vmbsave::page {

std::string page_css();

}  // namespace vmbsave::page
