#include "latency/display.hpp"

#include <unistd.h>

#include <iostream>
#include <vector>

#include "harness/terminal.hpp"

namespace vmbsave::bench {
namespace {

class Nothing final : public benchmark::BenchmarkReporter {
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

}  // namespace

std::unique_ptr<benchmark::BenchmarkReporter> make_display(const Options& options) {
  if (options.quiet) return std::make_unique<Nothing>();
  if (!options.json) return nullptr;
  const bool colour = wants_colour(STDERR_FILENO);
  auto console = std::make_unique<benchmark::ConsoleReporter>(colour ? benchmark::ConsoleReporter::OO_Color
                                                                     : benchmark::ConsoleReporter::OO_None);
  console->SetOutputStream(&std::cerr);
  return console;
}

}  // namespace vmbsave::bench
