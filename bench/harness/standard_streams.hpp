// standard_streams.hpp: descriptors 0 to 2 belong to standard input and output, also where they were closed.
#pragma once

namespace vmbsave::bench {

// Before a program opens its first file: that one would get a descriptor that text for the terminal goes to. What is
// written to a stream that was closed still fails.
void occupy_standard_streams();

}  // namespace vmbsave::bench
