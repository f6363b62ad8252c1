#include "report/run_age.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <stdexcept>

#include "harness/child.hpp"

namespace vmbsave::report {
namespace {

// Not a name, which would mean another commit each day, nor an option.
bool is_commit(const std::string& text) {
  return text.size() >= 7 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

std::optional<std::uint64_t> engine_commits_since(const std::filesystem::path& source, const std::string& commit) {
  if (!is_commit(commit)) return std::nullopt;
  // -G: a line other than a comment is another. What examines VSPs, and how it is installed, is not measured.
  bench::ChildSpec git{
      .arguments = {"git", "--no-optional-locks", "-c", "safe.directory=*", "log", "--format=%h",
                    "-G^[[:space:]]*([^/*[:space:]]|[*][^[:space:]/*])", commit + "..HEAD", "--", ":(top)engine",
                    ":(top,exclude)engine/*.md", ":(top,exclude)engine/verify", ":(top,exclude)engine/install",
                    ":(top,exclude)engine/include/vmbsave/verify.hpp", ":(top,exclude)engine/include/vmbsave/step.h"},
      .environment = bench::own_environment(),
      .folder = source,
      .limit = std::chrono::seconds(10)};
  try {
    const bench::ChildResult result = bench::run_child(git);
    if (result.exit_code == 0) return std::count(result.out.begin(), result.out.end(), '\n');
  } catch (const std::runtime_error&) {
    // There is no git.
  }
  return std::nullopt;
}

}  // namespace vmbsave::report
