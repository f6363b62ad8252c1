#include "latency/file_reporter.hpp"

namespace vmbsave::bench {
namespace {

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // CSV: as long as Google Benchmark has it

template <class Reporter>
class Kept final : public Reporter {
 public:
  explicit Kept(std::ostringstream& text) : text_(text) {}

  bool ReportContext(const benchmark::BenchmarkReporter::Context& context) override {
    this->SetOutputStream(&text_);
    this->SetErrorStream(&text_);
    return Reporter::ReportContext(context);
  }

 private:
  std::ostringstream& text_;
};

}  // namespace

FileReporter::FileReporter(const std::string& format) {
  if (format == "csv") {
    reporter_ = std::make_unique<Kept<benchmark::CSVReporter>>(text_);
  } else if (format == "console") {
    reporter_ = std::make_unique<Kept<benchmark::ConsoleReporter>>(text_);
  } else {
    reporter_ = std::make_unique<Kept<benchmark::JSONReporter>>(text_);
  }
}

}  // namespace vmbsave::bench
