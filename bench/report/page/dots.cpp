#include "report/page/dots.hpp"

#include <algorithm>

namespace vmbsave::page {

Bar dots(const std::string& label, const std::vector<Dot>& values, const std::string& text) {
  Bar bar{label, {}, text};
  double before = 0;
  for (const Dot& dot : values) {
    bar.segments.push_back({dot.value - before, dot.ink, dot.hover});
    before = dot.value;
  }
  const auto less = [](const Dot& a, const Dot& b) { return a.value < b.value; };
  if (values.size() > 1) {
    bar.low = std::min_element(values.begin(), values.end(), less)->value;
    bar.high = std::max_element(values.begin(), values.end(), less)->value;
  }
  return bar;
}

}  // namespace vmbsave::page
