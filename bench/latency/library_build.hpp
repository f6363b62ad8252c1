// library_build.hpp: how Google Benchmark's library was built.
#pragma once

#include <string>

namespace vmbsave::bench {

// release, debug or unknown, as the library that is loaded says of itself in the head of its JSON.
std::string library_build_type();

}  // namespace vmbsave::bench
