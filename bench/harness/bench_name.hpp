// bench_name.hpp: as what vmbsave-bench speaks: as itself, or as the subcommand of the tool that became it.
#pragma once

#include <cstdlib>

namespace vmbsave::bench {

inline constexpr const char* kBenchCommand = "vmbsave bench";
inline constexpr const char* kBenchNameVariable = "VMBSAVE_BENCH_NAME";  // the tool sets it

inline const char* bench_name() noexcept {
  return std::getenv(kBenchNameVariable) == nullptr ? "vmbsave-bench" : kBenchCommand;
}

}  // namespace vmbsave::bench
