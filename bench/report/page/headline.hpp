// headline.hpp: what stands on top: what was measured, the numbers that matter most, and where.
#pragma once

#include <string>

#include "report/page/run.hpp"

namespace vmbsave::page {

// source: a checkout, for how old the run is.
std::string headline_html(const Run& run, const std::string& source);

}  // namespace vmbsave::page
