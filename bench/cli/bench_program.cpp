#include "cli/bench_program.hpp"

#include <exception>
#include <nlohmann/json.hpp>

#include "harness/child.hpp"

namespace vmbsave::cli {

namespace fs = std::filesystem;

fs::path bench_program() { return fs::read_symlink("/proc/self/exe").parent_path() / "vmbsave-bench"; }

std::string google_benchmark_build() {
  const fs::path program = bench_program();
  std::error_code none;
  if (!fs::exists(program, none)) return "";
  try {
    const bench::ChildResult shown =
        bench::run_child({.arguments = {program.string(), "--context"}, .environment = bench::own_environment()});
    return nlohmann::json::parse(shown.out).at("libraries").at("google_benchmark_build");
  } catch (const std::exception&) {  // it cannot be run, or is of another version
    return "unknown";
  }
}

}  // namespace vmbsave::cli
