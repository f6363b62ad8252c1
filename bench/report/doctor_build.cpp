#include <fmt/format.h>

#include "report/doctor_findings.hpp"

namespace vmbsave::report {
namespace {

Finding build_type(const ProcessFacts& process) {
  const std::string found = process.build_type.empty() ? "none" : process.build_type;
  if (found == "Release") return {"build type", Level::kOk, found};
  return {"build type", Level::kFail, found, "what is measured is not what is shipped", "cmake --preset release"};
}

Finding internal_checks(const ProcessFacts& process) {
  if (process.check_level == 0) return {"internal checks", Level::kOk, "none"};
  return {"internal checks", Level::kWarn, fmt::format("level {}", process.check_level),
          "the engine's own checks are part of each time", "configure with -DVMBSAVE_CHECK=0"};
}

Finding sanitizers(const ProcessFacts& process) {
  if (process.sanitizer.empty()) return {"sanitizers", Level::kOk, "none"};
  return {"sanitizers", Level::kFail, process.sanitizer, "every access to memory takes several times as long",
          "cmake --preset release"};
}

// Rows take their times themselves, around what they measure.
Finding google_benchmark(const ProcessFacts& process) {
  constexpr const char* kName = "Google Benchmark";
  const std::string& build = process.google_benchmark;
  if (build.empty()) return {kName, Level::kOk, "not loaded by this program"};
  if (build == "release") return {kName, Level::kOk, build};
  return {kName, Level::kWarn, build, "its loop around each row is slower; the times of rows do not include it",
          "build the library with CMAKE_BUILD_TYPE=Release"};
}

}  // namespace

std::vector<Finding> build_findings(const ProcessFacts& process) {
  return {build_type(process), internal_checks(process), sanitizers(process), google_benchmark(process)};
}

}  // namespace vmbsave::report
