#include "report/run_age.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
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

std::optional<std::uint64_t> number_in(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::uint64_t> engine_commits_since(const std::filesystem::path& source, const std::string& commit) {
  if (!is_commit(commit)) return std::nullopt;
  bench::ChildSpec git{.arguments = {"git", "--no-optional-locks", "-c", "safe.directory=*", "rev-list", "--count",
                                     commit + "..HEAD", "--", ":(top)engine", ":(top,exclude)engine/*.md"},
                       .environment = bench::own_environment(),
                       .folder = source,
                       .limit = std::chrono::seconds(10)};
  try {
    const bench::ChildResult result = bench::run_child(git);
    if (result.exit_code == 0) return number_in(result.out);
  } catch (const std::runtime_error&) {
    // There is no git.
  }
  return std::nullopt;
}

}  // namespace vmbsave::report
