// dots.hpp: several values in one line of a logarithmic axis.
#pragma once

#include <string>
#include <vector>

#include "report/page/drawing.hpp"

namespace vmbsave::page {

struct Dot {
  double value;
  Ink ink;
  std::string hover;
};

// With a line from the least to the largest. At least one.
Bar dots(const std::string& label, const std::vector<Dot>& values, const std::string& text);

}  // namespace vmbsave::page
