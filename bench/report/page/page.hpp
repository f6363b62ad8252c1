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

struct PageOptions {
  bool has_gnuplot = true;
  bool across_machines = false;  // compares runs of different machines too, by ratios alone
  std::string source = ".";      // a checkout, for how old a run is; see report/run_age.hpp
};

// At least one run; of several, first how each of the others differs from the first, then one below the other. Throws
// std::runtime_error in one line, also for runs that can't be compared.
Page make_page(const std::vector<Run>& runs, const PageOptions& options);

}  // namespace vmbsave::page
