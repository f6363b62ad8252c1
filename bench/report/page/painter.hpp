// painter.hpp: pictures drawn by gnuplot, as HTML and as files of their own.
#pragma once

#include <string>
#include <vector>

#include "report/page/figure.hpp"

namespace vmbsave::page {

struct NamedSvg {
  std::string name;  // "latency.svg"
  std::string text;
};

class Painter {
 public:
  // Without gnuplot nothing is drawn, and the page says so.
  explicit Painter(bool has_gnuplot) : has_gnuplot_(has_gnuplot) {}

  // Each twice, for wide and for narrow screens, of which the page shows the one that fits. Throws std::runtime_error
  // with what gnuplot says.
  std::string html_of(const std::vector<Picture>& pictures, const std::string& id, const std::string& title);

  const std::vector<NamedSvg>& files() const { return files_; }

  // Titles of the figures that were to be drawn.
  const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  std::string picture(const Picture& picture, const std::string& id, const std::string& title);

  bool has_gnuplot_;
  std::vector<NamedSvg> files_;
  std::vector<std::string> left_out_;
};

}  // namespace vmbsave::page
