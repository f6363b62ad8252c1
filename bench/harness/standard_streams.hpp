// standard_streams.hpp: descriptors 0 to 2 belong to standard input and output, also where they were closed.
#pragma once

#include <string>

namespace vmbsave::bench {

// Before a program opens its first file: that one would get a descriptor that text for the terminal goes to. What is
// written to a stream that was closed still fails.
void occupy_standard_streams();

// Flushes standard output, also as C++ has it. "": all of it reached its reader; else one line says why not, as output
// that is lost is a failure.
std::string lost_output();

}  // namespace vmbsave::bench
