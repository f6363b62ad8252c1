// page.hpp: runs as one page of HTML that needs nothing but itself: no network, no scripts.
#pragma once

#include <string>
#include <vector>

#include "report/page/painter.hpp"
#include "report/page/run.hpp"

namespace vmbsave::page {

struct Page {
  std::string html;
  std::vector<NamedSvg> figures;  // those of the page, as files; of several runs their names begin with r1- and so on
  std::vector<std::string> left_out;  // titles of those that were not drawn, for want of gnuplot
};

// At least one run; one below the other. Throws std::runtime_error in one line.
Page make_page(const std::vector<Run>& runs, bool has_gnuplot);

}  // namespace vmbsave::page
