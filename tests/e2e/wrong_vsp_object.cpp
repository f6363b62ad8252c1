// The wrong VSP as its author would bring it, with the fault that $WRONG_VSP_FAULT names.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "unit/wrong_vsp.hpp"

namespace {

// What a program meets before it has the VSP.
struct AtLoad {
  AtLoad() {
    const char* const fault = std::getenv("WRONG_VSP_FAULT");
    if (fault != nullptr && std::strcmp(fault, "at_load") == 0) std::abort();
    if (fault == nullptr || std::strcmp(fault, "says_something") != 0) return;
    std::puts("it says something");
    std::fflush(stdout);
  }
} at_load;

}  // namespace

extern "C" VMBS_VSP_EXPORT const VMBS_VSP* vmbs_vsp(void) {
  using namespace vmbsave::test;
  return wrong_vsp(fault_named(std::getenv("WRONG_VSP_FAULT")));
}
