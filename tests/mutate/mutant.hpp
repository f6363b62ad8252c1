// mutant.hpp: which mutant of the engine is alive, for the mutation build alone, where every file includes this first.
#pragma once

#include <cstdlib>

namespace vmbsave {

inline const int living_mutant = [] {
  const char* const number = std::getenv("VMBSAVE_MUTANT");
  return number == nullptr ? 0 : std::atoi(number);
}();

// Where the compiler computes something itself, no mutant lives.
constexpr bool is_mutant(int number) { return !__builtin_is_constant_evaluated() && living_mutant == number; }

}  // namespace vmbsave
