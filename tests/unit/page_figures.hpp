// page_figures.hpp: what figures show of a run that was kept, or of one that a test makes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "report/page/figure.hpp"

namespace vmbsave::tests {

// The newest that has a result of every kind.
inline const page::Run& kept_run() {
  static const page::Run run =
      page::read_page_run(std::string(VMBSAVE_RESULTS) + "/20261130T142145Z-amd-epyc-2cpu-b094c77");
  return run;
}

inline page::Run run_of(page::Json json, const std::string& file = "made.json") {
  return {"made", {"made", {{file, std::move(json)}}}};
}

// A copy of the kept run's result of a kind, to be changed.
inline page::Json kept(const std::string& schema) { return *kept_run().of(schema).at(0); }

inline const page::Bars& bars_of(const page::Picture& picture) { return std::get<page::Bars>(picture.drawing); }
inline const page::Curves& curves_of(const page::Picture& picture) { return std::get<page::Curves>(picture.drawing); }

inline const page::Bar* bar_of(const page::Bars& bars, const std::string& label) {
  const auto bar = std::find_if(bars.bars.begin(), bars.bars.end(), [&](const auto& of) { return of.label == label; });
  return bar == bars.bars.end() ? nullptr : &*bar;
}

inline const page::Curve* curve_of(const page::Curves& curves, const std::string& name) {
  const auto curve =
      std::find_if(curves.curves.begin(), curves.curves.end(), [&](const auto& of) { return of.name == name; });
  return curve == curves.curves.end() ? nullptr : &*curve;
}

inline void expect_points(const page::Curve* curve, std::vector<std::pair<double, double>> points) {
  ASSERT_NE(curve, nullptr);
  std::vector<std::pair<double, double>> drawn;
  for (const page::Point& point : curve->points) drawn.emplace_back(point.x, point.y);
  std::sort(drawn.begin(), drawn.end());
  EXPECT_EQ(drawn, points) << curve->name;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace vmbsave::tests
