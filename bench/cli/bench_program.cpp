#include "cli/bench_program.hpp"

#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

namespace vmbsave::cli {
namespace {

namespace fs = std::filesystem;

// One word for the shell.
std::string shell_word(std::string_view word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

// What a command prints; "" if it cannot be run.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t n = pipe ? std::fread(buffer.data(), 1, buffer.size(), pipe.get()) : 0) {
    text.append(buffer.data(), n);
  }
  return text;
}

}  // namespace

fs::path bench_program() { return fs::read_symlink("/proc/self/exe").parent_path() / "vmbsave-bench"; }

std::string google_benchmark_build() {
  const fs::path program = bench_program();
  std::error_code none;
  if (!fs::exists(program, none)) return "";
  try {
    const auto context = nlohmann::json::parse(output_of(shell_word(program.string()) + " --context 2>/dev/null"));
    return context.at("libraries").at("google_benchmark_build");
  } catch (const nlohmann::json::exception&) {  // one of another version
    return "unknown";
  }
}

}  // namespace vmbsave::cli
