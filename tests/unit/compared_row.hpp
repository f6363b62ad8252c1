// compared_row.hpp: a row of a comparison, by its name.
#pragma once

#include <stdexcept>
#include <string>

#include "report/compare.hpp"

namespace vmbsave::report {

inline const ComparedRow& row_named(const Comparison& comparison, const std::string& name) {
  for (const ComparedRow& row : comparison.rows) {
    if (row.a.name == name) return row;
  }
  throw std::runtime_error("no row " + name);
}

}  // namespace vmbsave::report
