#include "latency/library_build.hpp"

#include <benchmark/benchmark.h>

#include <sstream>
#include <string_view>

namespace vmbsave::bench {

std::string library_build_type() {
  std::ostringstream head;
  benchmark::JSONReporter reporter;
  reporter.SetOutputStream(&head);
  reporter.SetErrorStream(&head);
  if (!reporter.ReportContext({})) return "unknown";
  const std::string text = head.str();
  constexpr std::string_view kKey = "\"library_build_type\": \"";
  const std::size_t key = text.find(kKey);
  if (key == std::string::npos) return "unknown";
  const std::size_t value = key + kKey.size();
  return text.substr(value, text.find('"', value) - value);
}

}  // namespace vmbsave::bench
