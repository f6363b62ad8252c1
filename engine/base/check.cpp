#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace vmbsave::base {

// Reached only in checked builds, on a defect of the engine: going on would write a wrong image.
void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "vmbsave: internal check failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace vmbsave::base
