// file_reporter.hpp: Google Benchmark's --benchmark_out, with a look at whether the file took it.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <string>

namespace vmbsave::bench {

class FileReporter {
 public:
  // format: of --benchmark_out_format; Google Benchmark has refused others.
  explicit FileReporter(const std::string& format);

  benchmark::BenchmarkReporter* get() const noexcept { return reporter_.get(); }

  // After the run: something was written that the file did not take.
  bool lost() const noexcept { return lost_; }

 private:
  bool lost_ = false;
  std::unique_ptr<benchmark::BenchmarkReporter> reporter_;
};

}  // namespace vmbsave::bench
