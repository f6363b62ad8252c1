// axis.hpp: the range of an axis and its tics.
#pragma once

#include <string>
#include <vector>

#include "report/page/drawing.hpp"

namespace vmbsave::page {

struct Range {
  double from;
  double to;
};

// Around all `values`, or as the axis says.
Range range_of(const Axis& axis, const std::vector<double>& values);

// Where between 0 and 1 a value lies.
double place_in(const Axis& axis, const Range& range, double value);

// As gnuplot takes them: ('1 us' 1000, '10 us' 10000). Closer together than `gap`, a share of the axis, there are none.
std::string tics_of(const Axis& axis, const Range& range, double gap);

// The texts of values.
std::string time_text(double ns);      // "20 us"
std::string count_text(double count);  // "65,536"
std::string bytes_text(double bytes);  // "32 KiB"
std::string plain_text(double value);  // "1.5"

}  // namespace vmbsave::page
