// bench_program.hpp: vmbsave-bench, which lies beside this program where Google Benchmark is installed.
#pragma once

#include <filesystem>
#include <string>

namespace vmbsave::cli {

std::filesystem::path bench_program();

// How the library of Google Benchmark was built that vmbsave-bench runs with, asked of it; "" if there is no
// vmbsave-bench.
std::string google_benchmark_build();

}  // namespace vmbsave::cli
