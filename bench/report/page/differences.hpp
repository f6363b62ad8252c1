// differences.hpp: two runs of a page, row by row.
#pragma once

#include <string>

#include "report/compare.hpp"
#include "report/page/painter.hpp"

namespace vmbsave::page {

// A section of its own; id: of the page's.
std::string differences_html(const report::Comparison& comparison, const std::string& id, Painter& painter);

}  // namespace vmbsave::page
