#include "report/result_text.hpp"

#include <fmt/format.h>

namespace vmbsave::report {

std::string duration_text(double ns) {
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.2f} ms", ns / 1e6);
  return fmt::format("{:.2f} s", ns / 1e9);
}

std::string threads_text(unsigned asked, unsigned taken) {
  return taken == asked ? fmt::format("{}", asked) : fmt::format("{} of {}", taken, asked);
}

}  // namespace vmbsave::report
