// file_reporter.hpp: what Google Benchmark writes to --benchmark_out.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <sstream>
#include <string>

namespace vmbsave::bench {

class FileReporter {
 public:
  // format: of --benchmark_out_format; Google Benchmark has refused others.
  explicit FileReporter(const std::string& format);

  benchmark::BenchmarkReporter* get() const noexcept { return reporter_.get(); }

  // After the run; empty: no row was run.
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::unique_ptr<benchmark::BenchmarkReporter> reporter_;
};

}  // namespace vmbsave::bench
