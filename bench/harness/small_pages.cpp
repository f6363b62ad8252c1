#include "harness/small_pages.hpp"

#include <sys/prctl.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace vmbsave::bench {
namespace {

int disable_huge_pages(unsigned long disable) noexcept { return prctl(PR_SET_THP_DISABLE, disable, 0ul, 0ul, 0ul); }

}  // namespace

SmallPages::SmallPages() {
  if (disable_huge_pages(1) == 0) return;
  throw std::runtime_error(std::string("cannot have pages of 4 KiB only: ") + std::strerror(errno));
}

SmallPages::~SmallPages() { (void)disable_huge_pages(0); }

}  // namespace vmbsave::bench
