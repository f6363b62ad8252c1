// host_functions.hpp: what the program has for the VSPs that it loads: the functions of kmcl.h and kmcl_ext.h. Whoever
// links this has all of them.
#pragma once

#include <span>

namespace vmbsave::bench {

struct HostFunction {
  const char* name;
  const void* address;
};

// Never empty.
std::span<const HostFunction> host_functions() noexcept;

}  // namespace vmbsave::bench
