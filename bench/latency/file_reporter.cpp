#include "latency/file_reporter.hpp"

#include <ostream>

namespace vmbsave::bench {
namespace {

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // CSV: as long as Google Benchmark has it

template <class Reporter>
class Checked final : public Reporter {
 public:
  explicit Checked(bool& lost) : lost_(lost) {}

  void Finalize() override {
    Reporter::Finalize();
    this->GetOutputStream().flush();
    lost_ = !this->GetOutputStream();
  }

 private:
  bool& lost_;
};

}  // namespace

FileReporter::FileReporter(const std::string& format) {
  if (format == "csv") {
    reporter_ = std::make_unique<Checked<benchmark::CSVReporter>>(lost_);
  } else if (format == "console") {
    reporter_ = std::make_unique<Checked<benchmark::ConsoleReporter>>(lost_);
  } else {
    reporter_ = std::make_unique<Checked<benchmark::JSONReporter>>(lost_);
  }
}

}  // namespace vmbsave::bench
